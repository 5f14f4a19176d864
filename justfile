# The recipes run the scripts, and so does CI: what passes here passes there.

# Show the recipes.
default:
    @just --list

# Formatting, clippy and documentation.
lint:
    scripts/lint

# Every test, with the senders' own libraries where node and python3 are there.
test:
    tests/run

# Kill the gateway under load: how often in each campaign, and the seed of a run to repeat.
crash kills="300" seed="":
    scripts/crash {{kills}} {{seed}}

# Show the gateway at work.
demo:
    cargo run --release --locked -- demo

# Check every shipped configuration.
check-configs:
    scripts/check-configs

# The static binary, alone in an empty root folder.
static-check:
    scripts/static-check

# The Debian package.
deb:
    scripts/deb

# What systemd, dpkg, Compose, kubectl and Helm say of the files for deploying.
check-deploy:
    scripts/check-deploy

# Licences, banned crates and sources (needs cargo-deny).
deny:
    scripts/deny

# Write docs/schemes.md anew.
bless:
    COUNTERSIGN_BLESS=1 cargo test --locked --test it docs

# The container image.
image:
    docker build --tag countersign .

# Everything that CI runs.
ci:
    .ci/run
