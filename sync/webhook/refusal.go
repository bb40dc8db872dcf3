package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A verdict is the kind of a refusal.
type verdict string

const (
	unproven verdict = "no signature"    // missing, doubled or malformed
	forged   verdict = "wrong signature" // not made with one of the secrets
	stale    verdict = "clock"           // made with one of the secrets, more than 300 s off

	unchecked verdict = "not checked" // a secret that it may be made with cannot be read
)

// A refusal says why a request does not prove where it comes from. It goes to
// the log only, never to the sender, and quotes nothing of the request. The zero
// refusal is none.
type refusal struct {
	why  verdict
	form string        // what is wrong with the form of an unproven request
	off  time.Duration // how far the clock of a stale one is ahead of ours
}

// malformed refuses a request for its form.
func malformed(format string, args ...any) refusal {
	return refusal{why: unproven, form: fmt.Sprintf(format, args...)}
}

// attrs returns what the log says of the refusal.
func (f refusal) attrs() []any {
	switch f.why {
	case forged:
		return []any{keyReason, string(f.why), keyForm, "as configured: the secret differs, or what is signed with it"}
	case unchecked:
		return []any{keyReason, string(f.why)}
	case stale:
		side := "ahead"
		if f.off < 0 {
			side = "behind"
		}
		return []any{keyReason, string(f.why), keyClock, f.off.Abs().Round(time.Second).String() + " " + side}
	}
	return []any{keyReason, string(f.why), keyForm, f.form}
}

// judged returns the refusal of a signature, or none. Only a good one is checked
// for its time.
func judged(good bool, at, now time.Time) refusal {
	switch off := at.Sub(now); {
	case !good:
		return refusal{why: forged}
	case off.Abs() > tolerance:
		return refusal{why: stale, off: off}
	}
	return refusal{}
}

// single returns the header's value if there is exactly one: of two, the
// sender's proxy and we might use different ones.
func single(h http.Header, name string) (string, bool) {
	values := h.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", false
	}
	return values[0], true
}

// absent refuses a request that does not have a header exactly once.
func absent(h http.Header, name string) refusal {
	switch values := h.Values(name); {
	case len(values) > 1:
		return malformed("the header %s is given twice", name)
	case len(values) == 1:
		return malformed("the header %s is empty", name)
	}
	for _, other := range []string{"Webhook-Signature", "Svix-Signature"} {
		if !strings.EqualFold(name, other) && len(h.Values(other)) > 0 {
			return malformed("the header %s is missing, but %s is there, which the scheme standard reads", name, other)
		}
	}
	return malformed("the header %s is missing", name)
}

// openings are what senders write before a digest or token, in lower case.
var openings = []string{"sha256=", "sha256:", "sha256 ", "sha1=", "sha512=", "hmac-sha256 ", "hmac-sha256=", "v0=", "v1=", "v1,", "v2,", "t=", "bearer ", "basic ", "token "}

// opening returns the one of openings that text begins with, or "".
func opening(text string) string {
	text = strings.ToLower(text)
	i := slices.IndexFunc(openings, func(o string) bool { return strings.HasPrefix(text, o) })
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(openings[i])
}

// malformed refuses a value of the header that cannot be decoded.
func (s Signature) malformed(text string) refusal {
	rest, ok := strings.CutPrefix(text, s.Prefix)
	begins := opening(text)
	switch {
	case !ok && begins != "":
		return malformed("%s begins with %s, and the prefix in the configuration is %s", s.Header, begins, s.Prefix)
	case !ok:
		return malformed("%s does not begin with %s, the prefix in the configuration", s.Header, s.Prefix)
	case s.Prefix == "" && begins != "":
		return malformed("%s begins with %s, and the configuration has no prefix", s.Header, begins)
	}
	asHex, hexErr := hex.DecodeString(rest)
	asBase64, base64Err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(rest, "=")))
	switch {
	case hexErr == nil && len(asHex) == 32:
		return malformed("%s is in hex, and the encoding in the configuration is %s", s.Header, s.Encoding)
	case base64Err == nil && len(asBase64) == 32 && s.Encoding != "base64":
		return malformed("%s is in base64, and the encoding in the configuration is %s", s.Header, s.Encoding)
	case base64Err == nil && len(asBase64) == 32:
		return malformed("%s is in another base64 than the standard one with padding", s.Header)
	case hexErr == nil && (len(asHex) == 20 || len(asHex) == 64):
		return malformed("%s has %d bytes, as another digest than SHA-256 has", s.Header, len(asHex))
	}
	return malformed("%s is not a SHA-256 digest in %s", s.Header, s.Encoding)
}
