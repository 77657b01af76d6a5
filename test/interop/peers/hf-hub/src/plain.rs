//! `plain OWNER NAME FILE...`: what the model holds, and these files into the cache, by hf-hub 0.5. Endpoint and cache
//! come from the environment, the token from HF_TOKEN. Prints the path of each file.
use hf_hub_plain::api::sync::{ApiBuilder, ApiError};

fn main() -> Result<(), ApiError> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().expect("plain OWNER NAME FILE...");
    let id = format!("{}/{}", next(), next());
    let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty());
    let repo = ApiBuilder::from_env().with_progress(false).with_token(token).build()?.model(id);
    let listed = repo.info()?.siblings;
    for file in args {
        assert!(listed.iter().any(|sibling| sibling.rfilename == file), "{file} is not listed");
        println!("{}", repo.get(&file)?.display());
    }
    Ok(())
}
