//! Which words and marks join what, and how tightly.

use super::ast::{Comparison, Operator};
use super::lexer::Token;

/// Words that join expressions.
pub(super) const JOINTS: &[&str] = &["and", "or", "not", "in", "is", "if", "else"];

/// How tightly `not` binds.
pub(super) const NOT: u8 = 3;
/// How tightly comparisons bind.
pub(super) const COMPARE: u8 = 4;

/// What joins two expressions besides a comparison.
pub(super) enum Joint {
    And,
    Or,
    Math(Operator),
}

/// Whether `word` cannot be a name.
pub(super) fn is_reserved(word: &str) -> bool {
    JOINTS.contains(&word)
        || matches!(
            word,
            "true" | "false" | "none" | "True" | "False" | "None" | "null"
        )
}

/// How tightly each operator binds; higher is tighter.
pub(super) fn operator(token: &Token<'_>) -> Option<(u8, Joint)> {
    Some(match token {
        Token::Ident("or") => (1, Joint::Or),
        Token::Ident("and") => (2, Joint::And),
        Token::Mark("+") => (5, Joint::Math(Operator::Add)),
        Token::Mark("-") => (5, Joint::Math(Operator::Subtract)),
        Token::Mark("~") => (6, Joint::Math(Operator::Concat)),
        Token::Mark("*") => (7, Joint::Math(Operator::Multiply)),
        Token::Mark("/") => (7, Joint::Math(Operator::Divide)),
        Token::Mark("//") => (7, Joint::Math(Operator::FloorDivide)),
        Token::Mark("%") => (7, Joint::Math(Operator::Remainder)),
        Token::Mark("**") => (8, Joint::Math(Operator::Power)),
        _ => return None,
    })
}

/// The comparison that `first` and `second` begin, and how many words it takes.
pub(super) fn comparison(first: &Token<'_>, second: &Token<'_>) -> Option<(Comparison, usize)> {
    Some(match first {
        Token::Mark("==") => (Comparison::Equal, 1),
        Token::Mark("!=") => (Comparison::Unequal, 1),
        Token::Mark("<") => (Comparison::Less, 1),
        Token::Mark("<=") => (Comparison::LessOrEqual, 1),
        Token::Mark(">") => (Comparison::Greater, 1),
        Token::Mark(">=") => (Comparison::GreaterOrEqual, 1),
        Token::Ident("in") => (Comparison::In, 1),
        Token::Ident("not") if second == &Token::Ident("in") => (Comparison::NotIn, 2),
        _ => return None,
    })
}
