//! `#[enricher]`, `#[scrubber]` and `#[head_sampler]`: they stand on the `impl` that does the work, and export its type
//! as the component's plugin. In native builds they export nothing, so that plugins are tested as they are.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Error, ItemImpl, Result, Type};

/// Stands on `impl Transform for …`: the component is an enricher.
#[proc_macro_attribute]
pub fn enricher(arguments: TokenStream, item: TokenStream) -> TokenStream {
    exported("enricher", "Transform", arguments, item)
}

/// Stands on `impl Transform for …`: the component is a scrubber.
#[proc_macro_attribute]
pub fn scrubber(arguments: TokenStream, item: TokenStream) -> TokenStream {
    exported("scrubber", "Transform", arguments, item)
}

/// Stands on `impl HeadSampler for …`: the component is a sampler that decides for each span as it arrives.
#[proc_macro_attribute]
pub fn head_sampler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    exported("head_sampler", "HeadSampler", arguments, item)
}

fn exported(kind: &str, of: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    // The item stays, whatever is wrong: one error instead of many.
    let original = proc_macro2::TokenStream::from(item);
    let result = plugin_of(kind, of, arguments.into(), original.clone()).map(|plugin| {
        let kind = quote::format_ident!("{kind}");
        quote!(::cadenza_plugin_sdk::export_plugin!(#kind: #plugin);)
    });
    let export = result.unwrap_or_else(Error::into_compile_error);
    quote!(#original #export).into()
}

/// The type that an `impl` is about, if the attribute belongs there.
fn plugin_of(
    kind: &str,
    of: &str,
    arguments: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> Result<Type> {
    let place = format!("`#[{kind}]` stands on `impl {of} for` a plugin");
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, format!("`#[{kind}]` takes no arguments")));
    }
    let item: ItemImpl = syn::parse2(item).map_err(|error| Error::new(error.span(), &place))?;
    let names = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == of);
    if !item.trait_.as_ref().is_some_and(|(path, _)| names(path)) {
        return Err(Error::new_spanned(&item.self_ty, place));
    }
    if !item.generics.params.is_empty() {
        let message = "a component has one plugin: its type cannot be generic";
        return Err(Error::new_spanned(&item.generics, message));
    }
    Ok(*item.self_ty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    fn check(kind: &str, of: &str, arguments: &str, item: &str, expect: std::result::Result<&str, &str>) {
        let tokens = |text: &str| text.parse().expect("tokens");
        let found = plugin_of(kind, of, tokens(arguments), tokens(item));
        let found =
            found.map(|plugin| plugin.to_token_stream().to_string()).map_err(|error| error.to_string());
        assert_eq!(found, expect.map(str::to_owned).map_err(str::to_owned), "{item}");
    }

    #[test]
    fn an_attribute_finds_the_plugin_or_says_where_it_belongs() {
        let transform = |item, expect| check("scrubber", "Transform", "", item, expect);
        transform("impl Transform for Words { fn process() {} }", Ok("Words"));
        transform("impl cadenza_plugin_sdk::Transform for words::Words {}", Ok("words :: Words"));
        let place = Err("`#[scrubber]` stands on `impl Transform for` a plugin");
        transform("struct Words;", place);
        transform("impl Words {}", place);
        transform("impl HeadSampler for Words {}", place);
        transform(
            "impl<T> Transform for Words<T> {}",
            Err("a component has one plugin: its type cannot be generic"),
        );
        check("head_sampler", "HeadSampler", "", "impl HeadSampler for S {}", Ok("S"));
        check(
            "enricher",
            "Transform",
            "x = 1",
            "impl Transform for Words {}",
            Err("`#[enricher]` takes no arguments"),
        );
    }
}
