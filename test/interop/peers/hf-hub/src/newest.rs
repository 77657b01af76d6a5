//! `newest OWNER NAME FOLDER`: all files of a model into the cache and into FOLDER, and 100 bytes from the middle of
//! model.bin into FOLDER.part, by hf-hub 1.x. Endpoint, token and cache come from the environment.
use hf_hub::{HFClientSync, HFResult};

fn main() -> HFResult<()> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().expect("newest OWNER NAME FOLDER");
    let (owner, name, folder) = (next(), next(), next());
    let repo = HFClientSync::new()?.model(owner, name);
    repo.info().send()?;
    let snapshot = repo.snapshot_download().send()?;
    repo.snapshot_download().local_dir(folder.clone()).send()?;
    let part = repo.download_file_to_bytes().filename("model.bin").range(1_000_000..1_000_100).send()?;
    std::fs::write(format!("{folder}.part"), &part).expect("the folder's parent is there");
    println!("{}", snapshot.display());
    Ok(())
}
