package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// tolerance is how far a signature's time may differ from ours.
const tolerance = 300 * time.Second

// clockSlack is how far after its receipt an event's time may lie and still be
// believed, as with the times of transactions.
const clockSlack = 10 * time.Minute

// The lengths of a secret in bytes. Both are limits of Standard Webhooks; the
// lower one applies to every scheme.
const (
	minSecret = 24
	maxSecret = 64
)

// A Scheme is how an endpoint's requests prove where they come from. Make one
// with [Standard], [HMAC] or [Token]. Several secrets are valid while one is
// being replaced by another. All are always tried, so that the time taken does
// not reveal which one matched.
type Scheme struct {
	check  func(h http.Header, body []byte, now time.Time) refusal // closures keep secrets from being printed
	signed bool
}

// Standard is the scheme of https://www.standardwebhooks.com, which Svix uses
// under its own header names. A secret is 24 to 64 bytes in base64, with or
// without whsec_ before it.
func Standard(secrets ...string) (Scheme, error) {
	if len(secrets) == 0 {
		return Scheme{}, errNoSecret
	}
	hooks := make([]*standardwebhooks.Webhook, len(secrets))
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) < minSecret || len(key) > maxSecret {
			return Scheme{}, fmt.Errorf("secret %d of %d is not a Standard Webhooks secret, which is %d to %d bytes in base64, mostly after whsec_: copy it again from the sender, or choose the scheme hmac", i+1, len(secrets), minSecret, maxSecret)
		}
		if hooks[i], err = standardwebhooks.NewWebhookRaw(key); err != nil {
			return Scheme{}, fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err)
		}
	}
	check := func(h http.Header, body []byte, now time.Time) refusal {
		headers, at, bad := standardHeaders(h)
		if bad.why != "" {
			return bad
		}
		good := false
		for _, hook := range hooks {
			// Verify would check the time first and report a forgery as late.
			good = hook.VerifyIgnoringTimestamp(body, headers) == nil || good
		}
		return judged(good, at, now)
	}
	return Scheme{check: check, signed: true}, nil
}

// standardHeaders returns the three headers of a request under their standard
// names, and the time in them. It refuses an id with a full stop: id, time and
// body are signed as one text joined by full stops, so a part of the id could
// be presented as the time. The specification warns of that.
func standardHeaders(h http.Header) (http.Header, time.Time, refusal) {
	family := "Webhook-"
	if len(h["Webhook-Id"]) == 0 && len(h["Svix-Id"]) > 0 {
		family = "Svix-"
	}
	out := make(http.Header, 3)
	for _, name := range []string{"Id", "Timestamp", "Signature"} {
		value, ok := single(h, family+name)
		if !ok {
			return nil, time.Time{}, absent(h, family+name)
		}
		out["Webhook-"+name] = []string{value}
	}
	at, ok := unixTime(out.Get("Webhook-Timestamp"))
	switch {
	case !ok:
		return nil, time.Time{}, malformed("%sTimestamp is not in seconds since 1970", family)
	case strings.Contains(out.Get("Webhook-Id"), "."):
		return nil, time.Time{}, malformed("%sId has a full stop", family)
	case !strings.Contains(" "+out.Get("Webhook-Signature"), " v1,"):
		return nil, time.Time{}, malformed("%sSignature has no signature of version v1", family)
	}
	return out, at, refusal{}
}

// Signature says which header holds the digest of the body, and in what form.
type Signature struct {
	Header   string
	Encoding string // hex or base64
	Prefix   string // before the digest, such as "sha256="; may be empty
	// TimestampHeader names the header with the time of signing, in seconds or
	// milliseconds since 1970. If set, "<timestamp>.<body>" is signed, and the
	// time must be within 300 s. Without it a recorded request can be sent again
	// at any time; only the inbox notices, by the event's key.
	TimestampHeader string
}

// HMAC is the scheme of an HMAC-SHA256 in a header. The key is the bytes of the
// secret's text, at least 24.
func HMAC(sig Signature, secrets ...string) (Scheme, error) {
	var decode func(string) ([]byte, error)
	switch sig.Encoding {
	case "hex":
		decode = hex.DecodeString
	case "base64":
		decode = base64.StdEncoding.Strict().DecodeString
	default:
		return Scheme{}, fmt.Errorf("signature encoding %q is not known: use hex or base64", sig.Encoding)
	}
	if sig.Header == "" {
		return Scheme{}, errors.New("no header is named for the signature")
	}
	if err := longEnough(secrets); err != nil {
		return Scheme{}, err
	}
	check := func(h http.Header, body []byte, now time.Time) refusal {
		text, ok := single(h, sig.Header)
		if !ok {
			return absent(h, sig.Header)
		}
		digest, ok := strings.CutPrefix(text, sig.Prefix)
		mac, err := decode(digest)
		if !ok || err != nil || len(mac) != sha256.Size {
			return sig.malformed(text)
		}
		at, before := now, "" // without a timestamp header the time is not known
		if sig.TimestampHeader != "" {
			stamp, ok := single(h, sig.TimestampHeader)
			if !ok {
				return absent(h, sig.TimestampHeader)
			}
			if at, ok = unixTime(stamp); !ok {
				return malformed("%s is not in seconds or milliseconds since 1970", sig.TimestampHeader)
			}
			before = stamp + "."
		}
		good := false
		for _, secret := range secrets {
			own := hmac.New(sha256.New, []byte(secret))
			own.Write([]byte(before))
			own.Write(body)
			good = hmac.Equal(mac, own.Sum(nil)) || good
		}
		return judged(good, at, now)
	}
	return Scheme{check: check, signed: true}, nil
}

// Token is the scheme of a fixed token in a header. It proves that the sender
// knows the token, but nothing about the body, so its events are not Signed. In
// Authorization the token may follow the name of a scheme, such as Bearer. A token
// has at least 24 bytes.
func Token(header string, tokens ...string) (Scheme, error) {
	if header == "" {
		return Scheme{}, errors.New("no header is named for the token")
	}
	if err := longEnough(tokens); err != nil {
		return Scheme{}, err
	}
	sums := make([][sha256.Size]byte, len(tokens))
	for i, token := range tokens {
		sums[i] = sha256.Sum256([]byte(token))
	}
	schemed := strings.EqualFold(header, "Authorization")
	check := func(h http.Header, _ []byte, _ time.Time) refusal {
		text, ok := single(h, header)
		if !ok {
			return absent(h, header)
		}
		forms := []string{text}
		if _, rest, found := strings.Cut(text, " "); schemed && found {
			forms = append(forms, strings.TrimLeft(rest, " "))
		}
		good := 0
		for _, form := range forms {
			sum := sha256.Sum256([]byte(form))
			for i := range sums {
				good |= subtle.ConstantTimeCompare(sum[:], sums[i][:])
			}
		}
		switch begins := opening(text); {
		case good != 0:
			return refusal{}
		case begins != "" && !schemed:
			return malformed("%s has %s before the token", header, begins)
		}
		return refusal{why: forged}
	}
	return Scheme{check: check}, nil
}

// unixTime reads up to 10 digits as seconds and up to 13 as milliseconds since
// 1970, which distinguishes the two from 1970-04-26 to 2286. The signature
// covers the text, so only the sender can choose.
func unixTime(text string) (time.Time, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	switch {
	case err != nil || len(text) > 13:
		return time.Time{}, false
	case len(text) > 10:
		return time.UnixMilli(int64(n)), true
	}
	return time.Unix(int64(n), 0), true
}

// errNoSecret refuses an endpoint without a secret.
var errNoSecret = errors.New("no secret is given: without one nothing can be verified")

// longEnough checks that there are secrets and that none is short.
func longEnough(secrets []string) error {
	if len(secrets) == 0 {
		return errNoSecret
	}
	for i, secret := range secrets {
		if len(secret) < minSecret {
			return fmt.Errorf("secret %d of %d has %d bytes: it needs %d at least, and 32 random ones are best", i+1, len(secrets), len(secret), minSecret)
		}
	}
	return nil
}
