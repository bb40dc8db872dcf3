package configs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sendingOf returns the good configuration with gifts that may be sent.
func sendingOf(catalogue, within string) string {
	return good + "    sending: {allow: [bea@acme.example], currency: USD, catalogue: [" + catalogue + "], budget: {sender: \"1\", portal: \"1\"}, " +
		"per_recipient: {max: 1, within: " + within + "}, approve_above: \"1\"}\n"
}

// TestAtTheBound loads settings that are exactly at their bounds.
func TestAtTheBound(t *testing.T) {
	t.Parallel()
	smtp := func(port, auth string) string {
		return "notices: {smtp: {host: mail.acme.example, port: " + port + auth + ", from: sync@acme.example, to: [ops@acme.example]}}\n" + good
	}
	coffee := `{gift: 5659, name: Coffee, price: "7.50"}`
	for name, text := range map[string]string{
		"pace and page":      in("api_key_file", "      api_key_file: a\n      requests_per_second: 1\n      dialect: {paging: {size: 2}}"),
		"deals":              good + "    associations: {deals: {max: 1}}\n",
		"a range of one":     "schedule: 0 5-5 * * *\n" + good,
		"an hour between":    sendingOf(coffee, "1h"),
		"runs at once":       "runs_at_once: 0\n" + good,
		"different gifts":    sendingOf(coffee+`, {gift: 1, name: Tea, price: "0.01"}`, "30d"),
		"a descriptor twice": "schedule: \"@every 15m\"\n" + good,
		"the first port":     smtp("1", ""),
		"the last port":      smtp("65535", ", user: sync, password_file: smtp-password"),
	} {
		if _, problems := parse([]byte(text)); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	for name, tt := range map[string]struct{ text, want string }{
		"less than an hour": {sendingOf(coffee, "59m"), "less than an hour"},
		"gift of number 0":  {sendingOf(`{gift: 0, name: Coffee, price: "1"}`, "1h"), "missing or not positive"},
		"the first gift":    {sendingOf(coffee+","+coffee, "1h"), "the same gift as catalogue[0]"},
		"port 0":            {smtp("0", ""), "not a port"},
		"port 65536":        {smtp("65536", ""), "not a port"},
		"a password alone":  {smtp("587", ", password_file: smtp-password"), "missing, and there is a password_file"},
		"two fields":        {"schedule: 5 4\n" + good, "has 2 fields"},
	} {
		_, problems := parse([]byte(tt.text))
		if len(problems) != 1 || problems[0].What != tt.want && !strings.HasPrefix(problems[0].What, tt.want+":") {
			t.Errorf("%s: %v, want one that is %q", name, problems, tt.want)
		}
	}
}

// TestMissingIsNotTheSame: what two list entries both lack is missing in each, and
// nothing is called the same.
func TestMissingIsNotTheSame(t *testing.T) {
	t.Parallel()
	apps := "hubspot_apps: [{name: a, client_id: x, client_secret_file: x}, {name: b, client_id: y, client_secret_file: y}]\n"
	gifts := sendingOf(`{name: Coffee, price: "1"}, {name: Tea, price: "1"}`, "1h")
	for _, text := range []string{apps + good, gifts} {
		_, problems := parse([]byte(text))
		if len(problems) != 2 || problems[0].What != "missing or not positive" || problems[1].What != "missing or not positive" {
			t.Errorf("%v", problems)
		}
	}
}

// TestLargestFile: a file of exactly 1 MiB is read.
func TestLargestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	for _, size := range []int{maxFile, maxFile + 1} {
		text := []byte(good + "# ")
		text = append(text, bytes.Repeat([]byte("x"), size-len(text))...)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); (err == nil) != (size == maxFile) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestTwiceWithoutLines: settings that no file has are named without a line.
func TestTwiceWithoutLines(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("pat-1"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	for _, name := range []string{"acme", "globex"} {
		p := DefaultPortal()
		p.Name, p.HubSpot.TokenFile = name, token
		cfg.Portals = append(cfg.Portals, p)
	}
	if err := cfg.CheckBindings(); err == nil || strings.Contains(err.Error(), "line") {
		t.Errorf("got %v", err)
	}
}

// TestFirstIsChosen: of names that are as close, the first is suggested, and the
// first setting is found like any other.
func TestFirstIsChosen(t *testing.T) {
	t.Parallel()
	if got := suggest("listin", []string{"", "listen", "liston"}); got != "listen" {
		t.Errorf("suggested %q", got)
	}
	if got := find(settings[0].key); got.text != settings[0].text || got.text == "" {
		t.Errorf("found %+v", got)
	}
}

// TestLongestDuration: as many days as the program can count are a duration, and one
// more is none.
func TestLongestDuration(t *testing.T) {
	t.Parallel()
	var d Duration
	if err := d.UnmarshalText([]byte("106751d")); err != nil || d != Duration(106751*day) {
		t.Errorf("%d, %v", d, err)
	}
	if err := d.UnmarshalText([]byte("106752d")); err == nil {
		t.Errorf("%d", d)
	}
}

// TestManyProblems: a file of nothing but mistakes takes no time that grows with their
// square, and each is counted.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	const keys = 50_000
	for i := range keys {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	_, problems := parse([]byte(b.String()))
	if len(problems) != maxProblems+1 {
		t.Fatalf("%d problems are told", len(problems))
	}
	last := problems[maxProblems].What
	var more int
	if _, err := fmt.Sscanf(last, "%d further problems", &more); err != nil || more < keys-maxProblems {
		t.Errorf("the last one is %q", last)
	}
}
