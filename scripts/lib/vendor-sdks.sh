# shellcheck shell=bash
# The clients for Python that the vendors of object stores give their customers.
#
# Needs tools.sh.

# vendor_sdks_find - exports for the tests which Python has them, if scripts/setup has installed one. Only a few tests want it.
vendor_sdks_find() {
    local python=${tools_dir:?}/vendor-sdks/bin/python
    [[ ! -x $python ]] || export TEST_VENDOR_SDKS=$python
}
