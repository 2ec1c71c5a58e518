//! From a function to its companion: a type of the same name that carries the `Task`.
//!
//! Functions and types have names of their own in Rust, so `extract` the function and `extract` the type live side by side, and
//! whoever imports the one imports the other: that is how `ork::main!(extract, jobs::load)` finds them without any registry.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute as Attr, Error, Expr, FnArg, ItemFn, Lit, Meta, ReturnType, Type};

use crate::attribute::Attribute;

/// What a function is made into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Task,
    Executor,
}

impl Kind {
    /// What its arguments are, the context aside, in their order.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Task => &["input"],
            Self::Executor => &["options", "input"],
        }
    }
}

/// One argument of the function.
enum Argument<'a> {
    Context,
    /// Read by the method of this name of the call.
    Read(&'static str, &'a Type),
}

/// The companion of a function, or all that is wrong with its signature.
pub(crate) fn companion(
    kind: Kind,
    attribute: &Attribute,
    item: &ItemFn,
) -> syn::Result<TokenStream> {
    let signature = &item.sig;
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a task cannot be generic: Ork calls it with JSON, and the types must be known here",
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(abi.span(), "a task is a plain Rust function"));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new(
            variadic.span(),
            "a task is a plain Rust function",
        ));
    }
    let arguments = arguments(kind, item)?;

    let ident = &signature.ident;
    let vis = &item.vis;
    let name = match &attribute.name {
        Some(name) => name.value(),
        None => ident.unraw().to_string(),
    };
    let about = about(&item.attrs);
    let kind = match kind {
        Kind::Task => quote!(Task),
        Kind::Executor => quote!(Executor),
    };
    let mut reads = TokenStream::new();
    let mut passed = TokenStream::new();
    for argument in &arguments {
        match argument {
            Argument::Context => passed.extend(quote!(__ork_call.context(),)),
            Argument::Read(what, ty) => {
                let variable = quote::format_ident!("__ork_{what}");
                let method = quote::format_ident!("{what}");
                // With the argument's place: a type that cannot be read is pointed at.
                reads.extend(quote_spanned! {ty.span()=>
                    let #variable: #ty = __ork_call.#method()?;
                });
                passed.extend(quote!(#variable,));
            }
        }
    }
    let call = match signature.asyncness {
        Some(_) => quote!(::ork::__private::block_on(#ident(#passed))),
        None => quote!(#ident(#passed)),
    };
    let span = match &signature.output {
        ReturnType::Default => ident.span(),
        ReturnType::Type(_, ty) => ty.span(),
    };
    let finish = quote_spanned! {span=>
        (&__ork_returned).__ork_kind().finish(__ork_returned)
    };
    Ok(quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #vis enum #ident {}

        #[automatically_derived]
        impl ::ork::__private::Registered for #ident {
            const TASK: ::ork::Task = {
                #[allow(clippy::all)]
                fn __ork_run(
                    __ork_call: &::ork::__private::Call<'_>,
                ) -> ::core::result::Result<::std::string::String, ::ork::Error> {
                    #[allow(unused_imports)]
                    use ::ork::__private::{PlainKind as _, ResultKind as _};
                    #reads
                    let __ork_returned = #call;
                    #finish
                }
                ::ork::Task::__new(::ork::Kind::#kind, #name, #about, __ork_run)
            };
        }
    })
}

fn arguments<'a>(kind: Kind, item: &'a ItemFn) -> syn::Result<Vec<Argument<'a>>> {
    let mut arguments = Vec::new();
    let mut wanted = kind.arguments().iter();
    let mut context = false;
    for argument in &item.sig.inputs {
        let FnArg::Typed(argument) = argument else {
            return Err(Error::new(
                argument.span(),
                "a task is a function, not a method: take what it needs as its input",
            ));
        };
        let ty = &*argument.ty;
        match ty {
            Type::Reference(reference) if is_context(&reference.elem) => {
                if reference.mutability.is_some() {
                    return Err(Error::new(ty.span(), "the context is passed as `&Context`"));
                }
                if std::mem::replace(&mut context, true) {
                    return Err(Error::new(ty.span(), "the context is passed once"));
                }
                arguments.push(Argument::Context);
            }
            _ if is_context(ty) => {
                return Err(Error::new(ty.span(), "the context is passed as `&Context`"));
            }
            Type::Reference(_) => {
                return Err(Error::new(
                    ty.span(),
                    "take it by value: it is made from JSON for this call alone",
                ));
            }
            Type::ImplTrait(_) => {
                return Err(Error::new(
                    ty.span(),
                    "write the type: Ork makes it from JSON",
                ));
            }
            _ => {
                let Some(what) = wanted.next() else {
                    let message = match kind {
                        Kind::Task => {
                            "a task has one input and a context: put further inputs into one struct, as its fields"
                        }
                        Kind::Executor => "an executor has options, an input and a context",
                    };
                    return Err(Error::new(ty.span(), message));
                };
                arguments.push(Argument::Read(what, ty));
            }
        }
    }
    if kind == Kind::Executor && wanted.len() == kind.arguments().len() {
        return Err(Error::new(
            item.sig.ident.span(),
            "an executor takes its options: fn name(options: Options, input: Input, ctx: &Context)",
        ));
    }
    Ok(arguments)
}

fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Context" && last.arguments.is_empty()),
        Type::Paren(inner) => is_context(&inner.elem),
        Type::Group(inner) => is_context(&inner.elem),
        _ => false,
    }
}

/// The first paragraph of the documentation, in one line.
fn about(attributes: &[Attr]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        let Expr::Lit(literal) = &pair.value else {
            return None;
        };
        let Lit::Str(text) = &literal.lit else {
            return None;
        };
        pair.path.is_ident("doc").then(|| text.value())
    });
    let first: Vec<String> = lines
        .map(|line| line.trim().to_owned())
        .skip_while(String::is_empty)
        .take_while(|line| !line.is_empty())
        .collect();
    first.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kind: Kind, text: &str) -> Result<String, String> {
        let item: ItemFn = syn::parse_str(text).expect("a function");
        companion(kind, &Attribute { name: None }, &item)
            .map(|made| made.to_string().replace(' ', ""))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_told_apart_by_their_types() {
        let task = made(Kind::Task, "async fn f(ctx: &ork::Context, day: Day) {}").expect("a task");
        assert!(
            task.contains("let__ork_input:Day=__ork_call.input()?"),
            "{task}"
        );
        assert!(
            task.contains("block_on(f(__ork_call.context(),__ork_input,))"),
            "{task}"
        );
        let executor = made(Kind::Executor, "fn r#do(o: O, i: I) -> T { x }").expect("one");
        assert!(
            executor.contains("r#do(__ork_options,__ork_input,)"),
            "{executor}"
        );
        assert!(
            executor.contains(r#"Kind::Executor,"do","","#),
            "{executor}"
        );
        assert!(made(Kind::Task, "fn nothing() {}").is_ok());
    }

    #[test]
    fn signatures_that_json_cannot_call_are_refused() {
        for (kind, text, words) in [
            (Kind::Task, "fn f<T>(input: T) {}", "generic"),
            (Kind::Task, "fn f(self) {}", "not a method"),
            (Kind::Task, "fn f(a: A, b: B) {}", "one struct"),
            (Kind::Task, "fn f(a: &str) {}", "by value"),
            (Kind::Task, "fn f(a: impl Read) {}", "write the type"),
            (Kind::Task, "fn f(ctx: Context) {}", "&Context"),
            (Kind::Task, "fn f(ctx: &mut Context) {}", "&Context"),
            (Kind::Task, "fn f(a: &Context, b: &Context) {}", "once"),
            (Kind::Task, "extern \"C\" fn f() {}", "plain Rust function"),
            (
                Kind::Executor,
                "fn f(ctx: &Context) {}",
                "takes its options",
            ),
            (
                Kind::Executor,
                "fn f(a: A, b: B, c: C) {}",
                "options, an input",
            ),
        ] {
            let error = made(kind, text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_paragraph_of_the_documentation_is_what_it_is_about() {
        let item: ItemFn = syn::parse_str(
            "/// Reads the orders\n/// of a day.\n///\n/// More.\n#[doc(hidden)]\nfn f() {}",
        )
        .expect("a function");
        assert_eq!(about(&item.attrs), "Reads the orders of a day.");
        assert_eq!(about(&[]), "");
    }
}
