package hubspot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signatureTolerance is how far the time of a signature may differ from ours.
const signatureTolerance = 300 * time.Second

// The headers of a signature.
const (
	headerSignatureV3   = "X-Hubspot-Signature-V3"
	headerSignatureTime = "X-Hubspot-Request-Timestamp"
	headerSignature     = "X-Hubspot-Signature"
	headerVersion       = "X-Hubspot-Signature-Version"
)

// The reasons why a request is not HubSpot's.
var (
	ErrUnsigned = errors.New("the request has no signature of HubSpot, or one whose form is not known")
	ErrForged   = errors.New("the signature was not made with this app's client secret, for this address and body")
)

// ErrNoSecret says that it cannot be told whether a request is HubSpot's, because a
// client secret cannot be read. Ask for it again.
var ErrNoSecret = errors.New("the signature cannot be checked")

// A StaleError says that the signature is good, and that the clocks differ by more
// than 300 s.
type StaleError struct {
	Off time.Duration // how far HubSpot's clock is ahead of ours
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the signature's time is %v off", e.Off.Round(time.Second))
}

// A SignedRequest is a request to this program as HubSpot made it.
type SignedRequest struct {
	Method string
	URL    string // that HubSpot called, with its query: the public one, not a proxy's
	Header http.Header
	Body   []byte // its raw bytes
}

// Verify checks that HubSpot made the request for the app with this client secret:
// a webhook, a workflow action, or a call of a card. It returns [ErrUnsigned],
// [ErrForged] or a [*StaleError] if not.
//
// A signature of version 3 covers method, address, body and a time, which must be
// within 300 s of now. One of version 2 or 1 counts only if none of version 3 came.
// It covers no time, and one of version 1 only the body: a request that was recorded
// is good at any time, so what it causes must do no harm when it comes again. See
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation.
func (r SignedRequest) Verify(secret string, now time.Time) error {
	version := r.Version()
	if version == 3 {
		return r.verifyV3(secret, now)
	}
	mac, err := hex.DecodeString(r.single(headerSignature))
	if err != nil || len(mac) != sha256.Size {
		return ErrUnsigned
	}
	signed := secret + string(r.Body)
	switch version {
	case 1:
	case 2:
		signed = secret + r.Method + r.URL + string(r.Body)
	default:
		return ErrUnsigned
	}
	if sum := sha256.Sum256([]byte(signed)); !hmac.Equal(mac, sum[:]) {
		return ErrForged
	}
	return nil
}

// Version is the version of the signature that [SignedRequest.Verify] goes by: 3, 2,
// 1, or 0 where there is none whose form is known.
func (r SignedRequest) Version() int {
	if len(r.Header.Values(headerSignatureV3)) > 0 {
		return 3
	}
	switch r.single(headerVersion) {
	case "v1":
		return 1
	case "v2":
		return 2
	}
	return 0
}

func (r SignedRequest) verifyV3(secret string, now time.Time) error {
	mac, err := base64.StdEncoding.DecodeString(r.single(headerSignatureV3))
	stamp := r.single(headerSignatureTime)
	millis, badTime := strconv.ParseInt(stamp, 10, 64)
	if err != nil || badTime != nil || len(mac) != sha256.Size {
		return ErrUnsigned
	}
	good := false
	// HubSpot's documentation decodes some characters of the address before it is
	// signed, its libraries do not. Both forms need the secret.
	for _, url := range []string{r.URL, signedForm(r.URL)} {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(r.Method + url))
		h.Write(r.Body)
		h.Write([]byte(stamp))
		good = hmac.Equal(mac, h.Sum(nil)) || good
	}
	if !good {
		return ErrForged
	}
	if off := time.UnixMilli(millis).Sub(now); off.Abs() > signatureTolerance {
		return &StaleError{off}
	}
	return nil
}

// single returns the value of a header that is there once, and otherwise "".
func (r SignedRequest) single(name string) string {
	if values := r.Header.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}

// decodedBeforeSigning undoes the escapes that are not part of what is signed.
var decodedBeforeSigning = func() *strings.Replacer {
	var pairs []string
	for _, c := range ":/?@!$'()*,;" {
		escape := fmt.Sprintf("%%%02X", c)
		pairs = append(pairs, escape, string(c), strings.ToLower(escape), string(c))
	}
	return strings.NewReplacer(pairs...)
}()

// signedForm returns the form of an address that is signed according to HubSpot's
// documentation.
func signedForm(url string) string { return decodedBeforeSigning.Replace(url) }
