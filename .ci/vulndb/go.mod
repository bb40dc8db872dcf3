// Package nothing: this module pins the vulnerability database that .ci/run
// reads, with its checksum. go mod tidy would take it out again.
module thnks-hubspot-sync/.ci/vulndb

go 1.26.0

require golang.org/x/vulndb v0.0.0-20261105234957-e22db6528018
