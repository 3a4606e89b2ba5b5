//! The program's log: version, causes of refusals, and errors about invalid settings.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use aws_sdk_kinesis::primitives::Blob;

use crate::{
    program::{Program, command, end},
    speaker::{Viewer, until},
    world::{Failure, STREAM, Test},
    writers::kinesis,
};

#[test]
fn all_that_one_says_whose_log_is_json_is_json_from_the_first_line_on() -> Test {
    let dir = tempfile::tempdir()?;
    let mut program =
        command(&dir).env("DANMU_LOG__FORMAT", "json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(program.stderr.take().ok_or("no log")?).lines();
    let mut first = None;
    let live = loop {
        let line: serde_json::Value = serde_json::from_str(&lines.next().ok_or("it ended")??)?;
        let fields = first.get_or_insert_with(|| line.clone())["fields"].clone();
        assert_eq!(fields["version"], env!("CARGO_PKG_VERSION"), "the first line says the version");
        if line["fields"]["message"] == "Danmu is live" {
            break line;
        }
    };
    assert!(live["fields"]["pages"].as_str().is_some_and(|pages| pages.starts_with("http://127.0.0.1:")), "{live}");
    program.kill()?;
    assert_eq!(String::from_utf8(program.wait_with_output()?.stdout)?, "", "and nothing stands beside it");

    let failed = end(&[], &["--role", "relay"], &[("DANMU_LOG__FORMAT", "json")])?;
    for line in String::from_utf8(failed.stderr)?.lines() {
        serde_json::from_str::<serde_json::Value>(line).map_err(|_| line.to_owned())?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_the_version_and_once_of_each_cause_that_something_is_refused() -> Test {
    let program =
        Program::start_telling(&[("DANMU_VENDING__VIEWER_PER_MINUTE", "1"), ("DANMU_VENDING__VIEWER_BURST", "1")])?;
    program.get_ready()?;
    let viewer = Viewer::new(&program, 1)?;
    for _ in 0..20 {
        assert_eq!(viewer.comes_again(&program, 1)?.status, 429);
    }
    let root = kinesis(&program, &program.stream)?;
    for _ in 0..20 {
        let put = root.put_record().stream_name(STREAM).partition_key("no\nroom").data(Blob::new("junk"));
        put.send().await?;
    }
    until("junk is read", || Ok(program.figure("danmu_refused_total{reason=\"no_such_room\"}")? == 20)).await?;
    let (_, log) = program.terminate_and_tell()?;
    let times = |what: &[&str]| log.lines().filter(|line| what.iter().all(|what| line.contains(what))).count();
    assert_eq!(times(&["danmu-server starts", env!("CARGO_PKG_VERSION")]), 1, "{log}");
    assert_eq!(times(&["records are told to nobody", "no_such_room", "no\\\\nroom"]), 1, "{log}");
    assert_eq!(times(&["sessions are refused", "too many requests"]), 1, "{log}");
    Ok(())
}

#[test]
fn settings_that_cannot_be_are_told_by_the_name_under_which_they_were_given_and_with_what_can_be() -> Test {
    let said = |file: &str, variables: &[(&str, &str)]| -> Result<String, Failure> {
        let output = end(&[("danmu.toml", file)], &["--check"], variables)?;
        assert!(!output.status.success(), "{file} {variables:?}");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let of_file = said("bus = 'kinesis'\n", &[])?;
    assert!(of_file.contains("danmu.toml") && of_file.contains("or \"aws\", Amazon Kinesis"), "{of_file}");
    for (name, value, word) in [
        ("DANMU_BUS", "kinesis", "or \"aws\", Amazon Kinesis"),
        ("DANMU_HTTP__ADRESS", "127.0.0.1:3000", "adress"),
        ("DANMU_HTTP__ADDR", "here", "http.addr"),
        ("DANMU_VENDING__DURATION_S", "60", "vending.duration_s = 60"),
    ] {
        let of_variable = said("", &[("DANMU_RELAY__TICK_MS", "50"), (name, value)])?;
        assert!(of_variable.contains(&format!("the variable {name} ")) && of_variable.contains(word), "{of_variable}");
        assert!(!of_variable.contains("danmu.toml"), "{of_variable}");
    }
    let lan = end(&[], &["--lan", "--addr", "127.0.0.1:8081", "--check"], &[])?;
    assert!(String::from_utf8_lossy(&lan.stdout).contains("http://0.0.0.0:8081"));
    Ok(())
}
