package configs

import (
	"errors"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// text returns a scalar as it is written. Numbers are accepted as text, so that
// a name or a version needs no quotes; true, false and explicit tags are not.
func (d *decoder) text(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode {
		d.unreadable(key, "not a text", "write one value")
		return ""
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!timestamp":
	default:
		d.unreadable(key, "not a text", "put the value in quotes")
		return ""
	}
	switch {
	case knownToken.MatchString(n.Value):
		d.unreadable(key, "looks like a secret", secretRemedy)
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		d.unreadable(key, "holds a line break, tab or control character", "write it on one line")
	}
	return n.Value
}

// integer returns a whole number in plain decimal notation. YAML's other
// notations are refused: 0123 would silently mean 83.
func (d *decoder) integer(n *yaml.Node, key string, bits int) int64 {
	value, err := strconv.ParseInt(n.Value, 10, bits)
	if err != nil || n.ShortTag() != "!!int" || strconv.FormatInt(value, 10) != n.Value {
		d.unreadable(key, "not a whole number", "write it in digits, without quotes, separators or leading zeros")
		return 0
	}
	return value
}

// parseBool reads YAML's two words for it, and none of the others that humans
// and older versions of YAML have.
func parseBool(s string) (bool, error) {
	switch s {
	case "true", "false":
		return s == "true", nil
	}
	return false, errors.New("neither true nor false")
}

// parsed stores a scalar of a type that has its own notation.
func parsed[T any](d *decoder, n *yaml.Node, key string, into *T, parse func(string) (T, error), what, remedy string) {
	if n.Kind != yaml.ScalarNode {
		d.unreadable(key, what, remedy)
		return
	}
	value, err := parse(n.Value)
	if err != nil {
		d.unreadable(key, what, remedy)
		return
	}
	*into = value
}

func parseLevel(s string) (slog.Level, error) {
	switch s {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, errors.New("unknown level")
}

func parseDuration(s string) (Duration, error) {
	var d Duration
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// parseZone returns nil for "", which means the HubSpot account's zone. "Local"
// is refused: a portal's months must not depend on the machine.
func parseZone(s string) (*time.Location, error) {
	if s == "" {
		return nil, nil
	}
	if s == "Local" {
		return nil, errors.New("depends on the machine")
	}
	return time.LoadLocation(s)
}

// secretRemedy says what to do about a secret in the configuration file.
const secretRemedy = "put it into a file that only its owner can read, name that file here, and have the secret replaced"

// knownToken matches text that can only be a token: HubSpot's static tokens,
// the secrets of standardwebhooks.com, an Authorization header.
var knownToken = regexp.MustCompile(`^(pat-[a-z]{2}\d-|whsec_|Bearer [^{\s])`)

// opaque matches what is common in generated keys and rare in file names: a
// long run of letters and digits, or the beginning of a UUID.
var opaque = regexp.MustCompile(`[A-Za-z0-9+=]{20,}|^[0-9a-f]{8}-[0-9a-f]{4}-`)

// looksSecret reports whether s, given as a file name, is probably a secret.
func looksSecret(s string) bool {
	if knownToken.MatchString(s) || strings.HasSuffix(s, "=") {
		return true
	}
	return !strings.Contains(s, "/") && strings.ContainsAny(opaque.FindString(s), "0123456789")
}

// plainWord matches a key that an error may quote.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_ -]{1,40}$`)

// printable returns a key as an error shows it: "?" unless it looks like a key.
func printable(name string) string {
	if !plainWord.MatchString(name) || looksSecret(name) {
		return "?"
	}
	return name
}
