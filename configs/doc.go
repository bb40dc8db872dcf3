// Package configs reads, checks and describes the program's configuration. Its
// folder also holds the files of an installation: the sample
// config.example.yaml, the systemd unit, and for Prometheus and Grafana the alert
// rules and the dashboard of the daemon's metrics.
//
// # Use
//
//	cfg, err := configs.Load("/etc/thnks-hubspot-sync/config.yaml")
//	if err != nil {
//		return err // a *LoadError that lists every mistake at once
//	}
//	token, err := cfg.ReadSecret(cfg.Portals[0].HubSpot.TokenFile)
//
// # Strictness
//
// A file loads completely or not at all. Unknown and doubled keys, values of
// the wrong type, empty values, aliases, tabs and second documents are errors,
// each reported with its line, its key path and what to do. No error quotes a
// value of the file: any of them may be a secret in the wrong place. This is
// why [Load] walks the parsed YAML itself and uses the library only for syntax
// and scalars.
//
// # Secrets
//
// The configuration never holds a secret, only names of files that do.
// [Config.ReadSecret] finds and reads them; the [Secret] it returns cannot be
// printed by accident.
//
// # Where to look
//
// config.go and dialect.go are the settings with their defaults. load.go reads
// a file, decode.go and scalar.go fill the settings from YAML, validate*.go
// check what they mean, report.go collects the problems. schedule.go checks
// cron expressions with the library that later runs them.
package configs
