//! From words to an expression: Jinja's grammar without statements and method calls.

mod postfix;

use minijinja::Value;

use super::ExprError;
use super::ast::{Arguments, Ast, Node};
use super::filters;
use super::grammar::{self, COMPARE, Joint, NOT};
use super::lexer::{self, Spanned, Token};
use super::path::DottedPath;
use super::template;
use crate::definition::Segment;

/// Levels an expression may have, parentheses and chains of operators alike.
const DEPTH: usize = 100;

/// Calls of the parser inside each other; a pair of parentheses takes three.
const RECURSION: usize = 150;

/// Parses a whole bare expression. One that is wrapped in `{{ }}` is the same expression.
pub(super) fn parse(source: &str) -> Result<Ast, ExprError> {
    let mut start = 0;
    let wrapped = template::whole_template(source).is_some();
    if wrapped {
        start = source.find("{{").map_or(0, |open| open + 2);
        start += usize::from(source[start..].starts_with('-'));
    }
    let (tokens, _) = lexer::tokens(source, start, wrapped)?;
    parse_tokens(source, &tokens)
}

/// Parses `tokens`, all of them.
pub(super) fn parse_tokens(source: &str, tokens: &[Spanned<'_>]) -> Result<Ast, ExprError> {
    let mut parser = Parser {
        source,
        tokens,
        at: 0,
        depth: 0,
    };
    if parser.peek() == &Token::End {
        let at = parser.current().start;
        return Err(ExprError::new(
            "the expression is empty",
            at.saturating_sub(usize::from(at > 0)),
            at.max(1).min(source.len()),
        ));
    }
    let found = parser.expression()?;
    if parser.peek() != &Token::End {
        return Err(parser.leftover());
    }
    Ok(found)
}

struct Parser<'s, 't> {
    source: &'s str,
    tokens: &'t [Spanned<'s>],
    at: usize,
    depth: usize,
}

impl<'s, 't> Parser<'s, 't> {
    fn current(&self) -> &'t Spanned<'s> {
        // The last token is `End` and is never stepped over.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }
    fn peek(&self) -> &'t Token<'s> {
        &self.current().token
    }
    fn peek_after(&self) -> &'t Token<'s> {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].token
    }
    fn advance(&mut self) -> &'t Spanned<'s> {
        let current = self.current();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        current
    }
    fn take(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == token;
        if found {
            self.advance();
        }
        found
    }
    fn expect(&mut self, mark: &'static str, where_: &str) -> Result<usize, ExprError> {
        if self.peek() == &Token::Mark(mark) {
            Ok(self.advance().end)
        } else {
            Err(self.unexpected(&format!("`{mark}` {where_}")))
        }
    }
    fn shown(&self, token: &Spanned<'_>) -> String {
        match token.token {
            Token::End => "the end".to_owned(),
            _ => format!("`{}`", &self.source[token.start..token.end]),
        }
    }
    fn unexpected(&self, asked: &str) -> ExprError {
        let token = self.current();
        ExprError::new(
            format!("{asked} is expected, found {}", self.shown(token)),
            token.start,
            token.end,
        )
    }
    fn leftover(&self) -> ExprError {
        let token = self.current();
        let error = ExprError::new(
            format!(
                "the expression goes on with {} where it should end",
                self.shown(token)
            ),
            token.start,
            token.end,
        );
        match token.token {
            Token::Mark("=") => error.hint("to compare, write =="),
            Token::Mark("|") => error.hint("for `||` write `or`"),
            Token::Mark("}") => error.hint("`}` closes nothing"),
            _ => error,
        }
    }

    fn enter(&mut self) -> Result<(), ExprError> {
        self.depth += 1;
        if self.depth > RECURSION {
            let token = self.current();
            return Err(too_deep(token.start, token.end));
        }
        Ok(())
    }

    fn node(&self, node: Node, start: usize, end: usize) -> Result<Ast, ExprError> {
        let mut ast = Ast {
            node,
            start,
            end,
            depth: 0,
        };
        ast.depth = 1 + ast
            .children()
            .iter()
            .map(|child| child.depth)
            .max()
            .unwrap_or(0);
        if ast.depth > DEPTH {
            Err(too_deep(start, end))
        } else {
            Ok(ast)
        }
    }

    /// `a if test else b`, the loosest binding.
    fn expression(&mut self) -> Result<Ast, ExprError> {
        self.enter()?;
        let mut found = self.binary(1)?;
        if self.take(&Token::Ident("if")) {
            let test = self.binary(1)?;
            if !self.take(&Token::Ident("else")) {
                return Err(self
                    .unexpected("`else`")
                    .hint("both outcomes are written: a if condition else b"));
            }
            let no = self.expression()?;
            let (start, end) = (found.start, no.end);
            found = self.node(
                Node::If {
                    test: Box::new(test),
                    yes: Box::new(found),
                    no: Box::new(no),
                },
                start,
                end,
            )?;
        }
        self.depth -= 1;
        Ok(found)
    }

    /// Operators that bind at least as tightly as `floor`.
    fn binary(&mut self, floor: u8) -> Result<Ast, ExprError> {
        self.enter()?;
        let mut left = if floor <= NOT && self.peek() == &Token::Ident("not") {
            let start = self.advance().start;
            let operand = self.binary(NOT)?;
            let end = operand.end;
            self.node(Node::Not(Box::new(operand)), start, end)?
        } else {
            self.unary()?
        };
        loop {
            let start = left.start;
            if let Some((level, operator)) =
                grammar::operator(self.peek()).filter(|(level, _)| *level >= floor)
            {
                self.advance();
                let right = self.binary(level + 1)?;
                let end = right.end;
                let (a, b) = (Box::new(left), Box::new(right));
                let node = match operator {
                    Joint::And => Node::And(a, b),
                    Joint::Or => Node::Or(a, b),
                    Joint::Math(operator) => Node::Binary(operator, a, b),
                };
                left = self.node(node, start, end)?;
            } else if floor <= COMPARE
                && grammar::comparison(self.peek(), self.peek_after()).is_some()
            {
                let mut rest = Vec::new();
                while let Some((comparison, words)) =
                    grammar::comparison(self.peek(), self.peek_after())
                {
                    (0..words).for_each(|_| {
                        self.advance();
                    });
                    rest.push((comparison, self.binary(COMPARE + 1)?));
                }
                let end = rest.last().map_or(left.end, |(_, operand)| operand.end);
                left = self.node(Node::Compare(Box::new(left), rest), start, end)?;
            } else {
                break;
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    /// A value with its fields, its sign, its filters and tests.
    fn unary(&mut self) -> Result<Ast, ExprError> {
        let mut found = self.signed()?;
        loop {
            let start = found.start;
            if self.take(&Token::Mark("|")) {
                let (name, name_start, name_end) = self.name("a filter")?;
                let args = self.arguments()?;
                filters::check_filter(&name, &args, name_start, name_end)?;
                let end = self.tokens[self.at - 1].end;
                found = self.node(
                    Node::Filter {
                        name,
                        base: Box::new(found),
                        args,
                    },
                    start,
                    end,
                )?;
            } else if self.take(&Token::Ident("is")) {
                let negated = self.take(&Token::Ident("not"));
                let (name, name_start, name_end) = self.name("a test")?;
                filters::check_test(&name, name_start, name_end)?;
                let args = if self.starts_operand() {
                    Arguments {
                        positional: vec![self.signed()?],
                        named: Vec::new(),
                    }
                } else {
                    self.arguments()?
                };
                let end = self.tokens[self.at - 1].end;
                found = self.node(
                    Node::Test {
                        name,
                        negated,
                        base: Box::new(found),
                        args,
                    },
                    start,
                    end,
                )?;
            } else {
                return Ok(found);
            }
        }
    }

    /// Whether a test's argument follows without parentheses, as in `is divisibleby 3`.
    fn starts_operand(&self) -> bool {
        match self.peek() {
            Token::Ident(word) => !grammar::JOINTS.contains(word),
            Token::Text(_) | Token::Int(_) | Token::Float(_) | Token::Mark("[" | "{" | "-") => true,
            _ => false,
        }
    }

    fn name(&mut self, what: &str) -> Result<(String, usize, usize), ExprError> {
        match self.peek() {
            Token::Ident(name) => {
                let token = self.advance();
                Ok(((*name).to_owned(), token.start, token.end))
            }
            Token::Mark("|") => Err(self.unexpected(what).hint("for `||` write `or`")),
            _ => Err(self.unexpected(what)),
        }
    }

    fn signed(&mut self) -> Result<Ast, ExprError> {
        self.enter()?;
        let found = if self.peek() == &Token::Mark("-") {
            let start = self.advance().start;
            let operand = self.signed()?;
            let end = operand.end;
            self.node(Node::Negate(Box::new(operand)), start, end)?
        } else {
            let primary = self.primary()?;
            self.postfix(primary)?
        };
        self.depth -= 1;
        Ok(found)
    }

    fn primary(&mut self) -> Result<Ast, ExprError> {
        let token = self.advance();
        let (start, end) = (token.start, token.end);
        let constant = |value: Value| Ast {
            node: Node::Const(value),
            start,
            end,
            depth: 1,
        };
        match &token.token {
            Token::Text(text) => Ok(constant(Value::from(text.as_str()))),
            Token::Int(number) => Ok(constant(Value::from(*number))),
            Token::Float(number) => Ok(constant(Value::from(*number))),
            Token::Ident("true" | "True") => Ok(constant(Value::from(true))),
            Token::Ident("false" | "False") => Ok(constant(Value::from(false))),
            Token::Ident("none" | "None" | "null") => Ok(constant(Value::from(()))),
            Token::Ident(word) if !grammar::is_reserved(word) => {
                if self.peek() == &Token::Mark("(") {
                    return self.call(word, start, end);
                }
                let path = DottedPath {
                    segments: vec![Segment::Field((*word).to_owned())],
                    start,
                    end,
                };
                self.node(Node::Path(path), start, end)
            }
            Token::Mark("(") => {
                let mut inner = self.expression()?;
                if self.peek() == &Token::Mark(",") {
                    return Err(self.unexpected("`)`").hint("a list is written [a, b]"));
                }
                let end = self.expect(")", "to close the parenthesis")?;
                (inner.start, inner.end) = (start, end);
                Ok(inner)
            }
            Token::Mark("[") => {
                let items = self.separated("]", Self::expression)?;
                let end = self.expect("]", "to close the list")?;
                self.node(Node::List(items), start, end)
            }
            Token::Mark("{") => {
                let pairs = self.separated("}", |parser| {
                    let key = parser.expression()?;
                    parser.expect(":", "after the key")?;
                    Ok((key, parser.expression()?))
                })?;
                let end = self.expect("}", "to close the object")?;
                self.node(Node::Map(pairs), start, end)
            }
            _ => {
                self.at = self
                    .at
                    .saturating_sub(usize::from(token.token != Token::End));
                Err(ExprError::new(
                    format!("a value is expected, found {}", self.shown(token)),
                    start,
                    end,
                ))
            }
        }
    }

    fn separated<T>(
        &mut self,
        close: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, ExprError>,
    ) -> Result<Vec<T>, ExprError> {
        let mut items = Vec::new();
        while self.peek() != &Token::Mark(close) {
            items.push(item(self)?);
            if !self.take(&Token::Mark(",")) {
                break;
            }
        }
        Ok(items)
    }

    fn call(&mut self, name: &str, start: usize, name_end: usize) -> Result<Ast, ExprError> {
        filters::check_function(name, start, name_end)?;
        let args = self.arguments()?;
        let end = self.tokens[self.at - 1].end;
        if !args.named.is_empty() || !(1..=3).contains(&args.positional.len()) {
            return Err(ExprError::new(
                "range takes one to three numbers: range(stop) or range(start, stop, step)",
                start,
                end,
            ));
        }
        self.node(Node::Range(args.positional), start, end)
    }

    fn arguments(&mut self) -> Result<Arguments, ExprError> {
        let mut args = Arguments::default();
        if !self.take(&Token::Mark("(")) {
            return Ok(args);
        }
        let pairs = self.separated(")", |parser| {
            let name = match (parser.peek(), parser.peek_after()) {
                (Token::Ident(name), Token::Mark("=")) => {
                    parser.advance();
                    parser.advance();
                    Some((*name).to_owned())
                }
                _ => None,
            };
            Ok((name, parser.expression()?))
        })?;
        for (name, value) in pairs {
            match name {
                None if args.named.is_empty() => args.positional.push(value),
                None => {
                    return Err(ExprError::new(
                        "a plain argument follows a named one",
                        value.start,
                        value.end,
                    ));
                }
                Some(name) if args.named.iter().any(|(known, _)| *known == name) => {
                    return Err(ExprError::new(
                        format!("the argument `{name}` is there twice"),
                        value.start,
                        value.end,
                    ));
                }
                Some(name) => args.named.push((name, value)),
            }
        }
        self.expect(")", "to close the arguments")?;
        Ok(args)
    }
}

fn too_deep(start: usize, end: usize) -> ExprError {
    ExprError::new(
        format!("the expression nests deeper than {DEPTH} levels"),
        start,
        end,
    )
    .hint("compute it in a task and pass the result on")
}
