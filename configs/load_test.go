package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// good is a small configuration that loads.
const good = `portals:
  - name: acme
    hubspot:
      token_file: acme.hubspot-token
    thnks:
      api_key_file: acme.thnks-key
`

// write puts a configuration into a folder of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// messages loads text and returns the error's lines, without the file name.
func messages(t *testing.T, text string) string {
	t.Helper()
	path := write(t, text)
	cfg, err := Load(path)
	if err == nil {
		return ""
	}
	if cfg != nil {
		t.Error("a configuration came with the error")
	}
	var le *LoadError
	if !errors.As(err, &le) || le.File != path || len(le.Problems) == 0 {
		t.Fatalf("error is %#v, want a LoadError with problems", err)
	}
	return strings.ReplaceAll(err.Error(), path, "F")
}

func TestLoadRefuses(t *testing.T) {
	for _, test := range refused {
		t.Run(test.name, func(t *testing.T) {
			if got := messages(t, test.text); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestLoadReportsEverythingAtOnce(t *testing.T) {
	got := messages(t, `listen: here
shedule: "@hourly"
log: {level: loud, format: xml}
portals:
  - name: acme
    time_zone: Mars/Olympus
    hubspot: {app: main, token_file: x, requests_per_10s: -1}
    associations: {deals: {max: 0, lookback: a while}}
  - name: ACME
    thnks: {keys: [{sender: nobody, api_key_file: k}]}
`)
	want := `F:1: listen: not an address to listen on: write host:port, such as 127.0.0.1:8080
F:1: public_url: missing: say how HubSpot reaches this program, which OAuth needs
F:2: shedule: unknown key: did you mean schedule?
F:3: log.level: not a log level: choose one of debug, info, warn, error
F:3: log.format: not a known word: choose auto or json
F:5: portals[0].thnks: has neither api_key_file nor keys: give exactly one of the two
F:6: portals[0].time_zone: not a known time zone: write it like Europe/Amsterdam or UTC
F:7: portals[0].hubspot.requests_per_10s: negative: use 0 to follow HubSpot's own limit, or a positive cap
F:7: portals[0].hubspot: has both app and token_file: keep exactly one of the two
F:7: portals[0].hubspot.app: no such app: use a name from hubspot_apps
F:7: portals[0].hubspot.account_id: missing: give the portal's id, which OAuth checks the grant against
F:8: portals[0].associations.deals.lookback: not a duration: write it like 90d, 12h or 15m
F:8: portals[0].associations.deals.max: less than 1: give the largest number of deals that a gift is linked to
F:9: portals[1].name: the same name as portals[0], case ignored: choose another
F:9: portals[1].hubspot: has neither app nor token_file: give exactly one of the two
F:10: portals[1].thnks.keys[0].sender: not an e-mail address: give the address that this key sends as`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLoadNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path)
	if want := path + ": there is no such file: create it, or name another with --config"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || err.Error() != dir+": not a regular file: name another with --config" {
		t.Errorf("got %v for a folder", err)
	}
	big := write(t, strings.Repeat("#", maxFile+1))
	if _, err := Load(big); err == nil || err.Error() != big+": larger than 1 MiB: name another with --config" {
		t.Errorf("got %v for a huge file", err)
	}
}

func TestValidateHasNoLines(t *testing.T) {
	cfg := Default()
	cfg.Portals = []Portal{DefaultPortal()}
	cfg.Portals[0].Name = "acme"
	cfg.Portals[0].HubSpot.TokenFile = "token"
	err := cfg.Validate()
	if want := "configuration: portals[0].thnks: has neither api_key_file nor keys: give exactly one of the two"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	cfg.Portals[0].Thnks.APIKeyFile = "key"
	if err := cfg.Validate(); err != nil {
		t.Errorf("a good configuration was refused: %v", err)
	}
}

// TestSyntaxWithoutALine: where the library names no line, no line is named.
func TestSyntaxWithoutALine(t *testing.T) {
	p := syntaxProblem([]byte("\tstate_dir: here\n"), &yaml.LoadError{Stage: yaml.ComposerStage, Message: "secret"})
	if p.Line != 0 || p.What != "not valid YAML" {
		t.Errorf("line %d: %s", p.Line, p.What)
	}
}
