package configs

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// sameSettings compares configurations without where they were read.
var sameSettings = cmp.Options{
	locations,
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.IgnoreUnexported(Config{}),
}

// TestPrintedIsTheSame: what is printed reads as what was printed.
func TestPrintedIsTheSame(t *testing.T) {
	for name, text := range map[string][]byte{
		"least":  []byte(good),
		"full":   full(t),
		"sample": Example(),
		"csv":    []byte(strings.Replace(good, "api_key_file: acme.thnks-key", "csv: {}", 1)),
		"empty":  []byte(strings.Replace(good, "api_key_file: acme.thnks-key", "api_key_file: k\n      dialect: {detail_path: \"\"}\n      csv: {nothing: []}", 1)),
	} {
		cfg, problems := parse(text)
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		printed, err := cfg.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, problems := parse(printed)
		if len(problems) > 0 {
			t.Errorf("%s: %v\n%s", name, problems, printed)
		} else if diff := cmp.Diff(cfg, again, sameSettings); diff != "" {
			t.Errorf("%s (-printed +read):\n%s\n%s", name, diff, printed)
		}
	}
}

// TestPrintedHasDefaults: what the file leaves out is printed with its default,
// what has none is not.
func TestPrintedHasDefaults(t *testing.T) {
	cfg, _ := parse([]byte(good))
	printed, err := cfg.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"schedule: '@hourly'", "level: info", "runs_at_once: 0", "lookback: 90d", "api_version: 2026-09", "requests_per_second: 10"} {
		if !strings.Contains(string(printed), want+"\n") {
			t.Errorf("%q is not in\n%s", want, printed)
		}
	}
	for _, no := range []string{"dialect", "webhooks", "csv", "null", "trusted_proxies"} {
		if strings.Contains(string(printed), no) {
			t.Errorf("%q is in\n%s", no, printed)
		}
	}
}

// TestPrintedTexts: texts that YAML could read as something else come back.
func TestPrintedTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, _ := parse([]byte(good))
		text := rapid.OneOf(
			rapid.SampledFrom([]string{"true", "null", "0123", "1e3", "2026-01-01", "~", "no", ": ", "# a", " a ", "'", `"`, "é", "- a", "{a", "%", "@b", "`"}),
			rapid.StringMatching(`[ -~]{1,20}`),
		).Filter(func(s string) bool { return !knownToken.MatchString(s) }).Draw(t, "text")
		cfg.Portals[0].HubSpot.Object.Singular = text
		printed, err := cfg.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, problems := parse(printed)
		if len(problems) > 0 {
			t.Fatalf("%v\n%s", problems, printed)
		}
		if got := again.Portals[0].HubSpot.Object.Singular; got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
	})
}
