// Package configs reads the program's configuration file, and stands beside
// the files that an installation is made of: the sample, config.example.yaml,
// first.
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
// value of the file: any of them may be a secret that landed in the wrong
// place. For that, [Load] walks the parsed YAML itself and leaves only the
// syntax and the scalars to the library.
//
// # Secrets
//
// The file never holds a secret, only names of files that do. [Config.ReadSecret]
// finds and reads them; the [Secret] it returns does not print.
//
// The schedule is robfig/cron's language, so this package imports that module
// to refuse a bad one at load; see [ParseSchedule].
package configs
