package hubspot

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

// somebody matches what can be nothing but an e-mail address.
var somebody = regexp.MustCompile(`[\pL\pN._+-]@[\pL\pN-]+\.[\pL]`)

// watched returns a logger that fails the test if a line, of any level, has an e-mail
// address in it, a canary, or one of the secrets of that moment. The clients of the
// tests log there, whatever fails.
func watched(t testing.TB, secrets func() []string) *slog.Logger {
	return slog.New(slog.NewTextHandler(lineWriter(func(line string) {
		found := somebody.MatchString(line) || strings.Contains(strings.ToLower(line), "canary")
		for _, secret := range secrets() {
			found = found || secret != "" && strings.Contains(line, secret)
		}
		if found {
			t.Errorf("a log line has a secret or a person in it: %s", line)
		}
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A lineWriter is given each line of a log.
type lineWriter func(line string)

func (f lineWriter) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

// TestWatchBites: the watch bites.
func TestWatchBites(t *testing.T) {
	for _, line := range []string{"contact ann@acme.example", "pat-1", "Ann Canary"} {
		var bitten testing.T
		watched(&bitten, func() []string { return []string{"", "pat-1"} }).Debug("call repeated", "detail", line)
		if !bitten.Failed() {
			t.Errorf("%q passes", line)
		}
	}
	watched(t, func() []string { return []string{"pat-1"} }).Debug("call repeated", "path", "/crm/v3")
}
