//! What follows a value: its fields and positions, and parts of a list.

use minijinja::Value;

use super::Parser;
use crate::definition::Segment;
use crate::expr::ExprError;
use crate::expr::ast::{Ast, Node};
use crate::expr::filters;
use crate::expr::lexer::Token;

impl Parser<'_, '_> {
    pub(super) fn postfix(&mut self, mut base: Ast) -> Result<Ast, ExprError> {
        loop {
            let start = base.start;
            if self.take(&Token::Mark(".")) {
                let token = self.current();
                let segment = match &token.token {
                    Token::Ident(name) => Segment::Field((*name).to_owned()),
                    Token::Int(index) => position(*index).ok_or_else(|| {
                        ExprError::new(
                            "a position this high does not exist",
                            token.start,
                            token.end,
                        )
                    })?,
                    _ => return Err(self.unexpected("a field name after `.`")),
                };
                self.advance();
                if self.peek() == &Token::Mark("(") {
                    let name = &self.source[token.start..token.end];
                    let error = ExprError::new(
                        format!("`.{name}()` is a method call, which expressions do not have"),
                        token.start,
                        token.end,
                    );
                    return Err(match filters::instead_of_method(name) {
                        Some(filter) => error.hint(format!("use the filter: | {filter}")),
                        None => error.hint("use a filter: value | filter(argument)"),
                    });
                }
                base = self.step(base, segment, start, token.end)?;
            } else if self.take(&Token::Mark("[")) {
                base = self.subscript(base)?;
            } else if self.peek() == &Token::Mark("(") {
                return Err(self.unexpected("an operator or the end"));
            } else {
                return Ok(base);
            }
        }
    }

    /// One fixed step: extends a path, or takes a field of something computed.
    fn step(
        &self,
        base: Ast,
        segment: Segment,
        start: usize,
        end: usize,
    ) -> Result<Ast, ExprError> {
        // A path in parentheses is the same path.
        let node = match (base.node, segment) {
            (Node::Path(mut path), segment) => {
                path.segments.push(segment);
                path.end = end;
                Node::Path(path)
            }
            (node, Segment::Field(name)) => Node::Field(Box::new(Ast { node, ..base }), name),
            (node, Segment::Index(index)) => {
                let key = Ast {
                    node: Node::Const(Value::from(index)),
                    start,
                    end,
                    depth: 1,
                };
                Node::Item(Box::new(Ast { node, ..base }), Box::new(key))
            }
        };
        self.node(node, start, end)
    }

    fn subscript(&mut self, base: Ast) -> Result<Ast, ExprError> {
        let start = base.start;
        let mut bounds: [Option<Box<Ast>>; 3] = [None, None, None];
        let mut place = 0;
        loop {
            match self.peek() {
                Token::Mark("]") => break,
                Token::Mark(":") if place < 2 => {
                    self.advance();
                    place += 1;
                }
                _ if bounds[place].is_none() => bounds[place] = Some(Box::new(self.expression()?)),
                _ => return Err(self.unexpected("`]` to close the subscript")),
            }
        }
        let end = self.expect("]", "to close the subscript")?;
        if place > 0 {
            return self.node(
                Node::Slice {
                    base: Box::new(base),
                    bounds,
                },
                start,
                end,
            );
        }
        let Some(key) = bounds[0].take() else {
            return Err(ExprError::new("the subscript is empty", start, end));
        };
        let fixed = match &key.node {
            Node::Const(value) if value.as_str().is_some() => {
                value.as_str().map(|name| Segment::Field(name.to_owned()))
            }
            Node::Const(value) if value.is_integer() => value.as_i64().and_then(position),
            _ => None,
        };
        match fixed {
            Some(segment) => self.step(base, segment, start, end),
            None => self.node(Node::Item(Box::new(base), key), start, end),
        }
    }
}

fn position(index: i64) -> Option<Segment> {
    u32::try_from(index).ok().map(Segment::Index)
}
