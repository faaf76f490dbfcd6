# shellcheck shell=bash
# The OCI conformance suites: programs of a Go module, installed by the Go tool at pinned versions.

suite_module=github.com/opencontainers/distribution-spec/conformance
# The current suite, of 2026-07-16, and the one released with v1.1.1.
suite_version=v0.0.0-20260716174315-967efdc079b9
suite_1_1_1_version=v0.0.0-20250123160558-a139cc423184

# suite_install - sets SUITE and SUITE_1_1_1 to the suites' programs, which are installed below $tools_dir if they are
# not there. Fails if the module cannot be had, as where there is no network or a proxy that does not carry it.
suite_install() {
    local bin=$tools_dir/suite source
    SUITE=$bin/conformance-$suite_version
    SUITE_1_1_1=$bin/conformance-$suite_1_1_1_version
    [[ ! -x $SUITE || ! -x $SUITE_1_1_1 ]] || return 0
    need go jq
    mkdir -p "$bin"
    GOBIN=$bin GOFLAGS=-mod=readonly go install "$suite_module@$suite_version" || return
    mv "$bin/conformance" "$SUITE"
    # Of the older suite there is a test program only, which the Go tool builds from the module's folder.
    source=$(go mod download -json "$suite_module@$suite_1_1_1_version" | jq --raw-output .Dir) || return
    GOFLAGS=-mod=readonly go -C "$source" test -c -o "$SUITE_1_1_1" . || return
}
