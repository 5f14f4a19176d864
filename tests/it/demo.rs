//! The demo: what the README's first command shows.

use crate::support::Cli;

#[test]
fn every_delivery_of_the_demo_becomes_what_it_should() {
    let ended = Cli::new(["demo"]).run();

    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    for sender in ["lvconnect", "loginradius", "lmif", "risr"] {
        let lines: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with(sender)).collect();
        assert_eq!(lines.len(), 7, "{sender} in\n{}", ended.stdout);
        assert!(lines.iter().all(|line| line.ends_with(" ok")), "{}", ended.stdout);
        for word in ["good", "duplicate", "forged", "tampered", "unsigned", "the app fails", "the retry"] {
            assert!(lines.iter().any(|line| line.contains(word)), "{sender} {word} in\n{}", ended.stdout);
        }
        assert_eq!(lines.iter().filter(|line| line.contains("401")).count(), 3, "{}", ended.stdout);
        assert_eq!(lines.iter().filter(|line| line.contains("the first answer again")).count(), 1, "{}", ended.stdout);
    }
    for (way, words) in
        [("queued", ["the app fails", "the app recovers"]), ("the app", ["the partner fails", "recovers"])]
    {
        let lines: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with(way)).collect();
        assert_eq!(lines.len(), 3, "{way} in\n{}", ended.stdout);
        assert!(words.iter().zip(&lines).all(|(word, line)| line.contains(word)), "{}", ended.stdout);
    }
    assert_eq!(ended.stdout.lines().filter(|line| line.contains("signature verified")).count(), 2, "{}", ended.stdout);
    assert!(ended.stdout.ends_with("\n34 of 34 deliveries became what they should.\n"), "{}", ended.stdout);
}

#[test]
fn the_demo_needs_no_variable_no_folder_and_no_port_of_its_own() {
    let running: Vec<_> = (0..2).map(|_| std::thread::spawn(|| Cli::new(["demo"]).run())).collect();

    for demo in running {
        let ended = demo.join().unwrap();
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    }
}
