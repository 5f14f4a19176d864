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

# Feed the parsers what nobody would send: a target or all of them, and for how many seconds each.
fuzz target="all" seconds="60":
    scripts/fuzz {{target}} {{seconds}}

# Everything at once for so many minutes, and a report of what is held and what arrived.
soak minutes="10":
    scripts/soak {{minutes}}

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

# Beside HAProxy, nginx with Lua and bare hyper: the tables of docs/performance.md. `just bench --quick` for a try.
bench *arguments:
    bench/run {{arguments}}

# Everything that CI runs.
ci:
    .ci/run
