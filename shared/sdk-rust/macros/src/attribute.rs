//! What stands in the brackets of an attribute: `name = "…"`, or nothing.

use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token};

/// The arguments of `#[ork::task(…)]`.
pub(crate) struct Attribute {
    pub(crate) name: Option<LitStr>,
}

impl Parse for Attribute {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self { name: None });
        }
        let key: Ident = input.parse()?;
        if key != "name" {
            return Err(syn::Error::new(
                key.span(),
                format!("unknown key `{key}`: only `name = \"…\"` can stand here"),
            ));
        }
        input.parse::<Token![=]>()?;
        let name: LitStr = input.parse()?;
        let _ = input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error("only `name = \"…\"` can stand here"));
        }
        let text = name.value();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.is_empty() || text.starts_with('-') || !text.bytes().all(plain) {
            return Err(syn::Error::new(
                name.span(),
                format!(
                    "`{text}` is not a name: letters, digits, `_` and `-`, and no `-` in front"
                ),
            ));
        }
        Ok(Self { name: Some(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_can_be_given() {
        let read = |text: &str| {
            syn::parse_str::<Attribute>(text)
                .map(|found| found.name.map(|name| name.value()))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(""), Ok(None));
        assert_eq!(read(r#"name = "a-b_1","#), Ok(Some("a-b_1".to_owned())));
        for (wrong, words) in [
            (r#"nam = "a""#, "unknown key `nam`"),
            (r#"name = """#, "is not a name"),
            (r#"name = "--list""#, "is not a name"),
            (r#"name = "a", name = "b""#, "only `name"),
        ] {
            let error = read(wrong).expect_err(wrong);
            assert!(error.contains(words), "{wrong}: {error}");
        }
    }
}
