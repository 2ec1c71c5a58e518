//! The shape of a parsed expression.

use minijinja::Value;

use super::path::DottedPath;

/// A parsed expression and where it stands in its source.
#[derive(Debug, Clone)]
pub(super) struct Ast {
    pub(super) node: Node,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Levels below and including this one; bounded by the parser so that walking it cannot exhaust the stack.
    pub(super) depth: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Const(Value),
    /// A name with its fixed fields and positions: `tasks.extract.output.rows[0]`.
    Path(DottedPath),
    /// A field of something computed.
    Field(Box<Ast>, String),
    /// A computed field or position.
    Item(Box<Ast>, Box<Ast>),
    Slice {
        base: Box<Ast>,
        bounds: [Option<Box<Ast>>; 3],
    },
    Not(Box<Ast>),
    Negate(Box<Ast>),
    And(Box<Ast>, Box<Ast>),
    Or(Box<Ast>, Box<Ast>),
    Binary(Operator, Box<Ast>, Box<Ast>),
    /// `a < b <= c`: each neighbouring pair must hold.
    Compare(Box<Ast>, Vec<(Comparison, Ast)>),
    If {
        test: Box<Ast>,
        yes: Box<Ast>,
        no: Box<Ast>,
    },
    Filter {
        name: String,
        base: Box<Ast>,
        args: Arguments,
    },
    Test {
        name: String,
        negated: bool,
        base: Box<Ast>,
        args: Arguments,
    },
    /// The only function is `range`.
    Range(Vec<Ast>),
    List(Vec<Ast>),
    Map(Vec<(Ast, Ast)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Concat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// What stands in the parentheses of a filter or test.
#[derive(Debug, Clone, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Ast>,
    pub(super) named: Vec<(String, Ast)>,
}

impl Arguments {
    fn iter(&self) -> impl Iterator<Item = &Ast> {
        self.positional
            .iter()
            .chain(self.named.iter().map(|(_, value)| value))
    }
}

impl Ast {
    /// Every path below, in the order of the text.
    pub(super) fn collect_paths(&self, out: &mut Vec<DottedPath>) {
        if let Node::Path(path) = &self.node {
            out.push(path.clone());
        }
        for child in self.children() {
            child.collect_paths(out);
        }
    }

    /// The direct parts, in the order of the text.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.node {
            Node::Const(_) | Node::Path(_) => Vec::new(),
            Node::Field(base, _) | Node::Not(base) | Node::Negate(base) => vec![base],
            Node::Item(left, right)
            | Node::And(left, right)
            | Node::Or(left, right)
            | Node::Binary(_, left, right) => vec![left, right],
            Node::Slice { base, bounds } => std::iter::once(&**base)
                .chain(bounds.iter().flatten().map(|bound| &**bound))
                .collect(),
            Node::Compare(first, rest) => std::iter::once(&**first)
                .chain(rest.iter().map(|(_, operand)| operand))
                .collect(),
            Node::If { test, yes, no } => vec![yes, test, no],
            Node::Filter { base, args, .. } | Node::Test { base, args, .. } => {
                std::iter::once(&**base).chain(args.iter()).collect()
            }
            Node::Range(items) | Node::List(items) => items.iter().collect(),
            Node::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }
}
