package thnksapitest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Scheme says how an event proves its origin. The vendor's own is not
// published; these are the usual ones.
type Scheme interface {
	// Sign returns the headers that prove it, for a message with this id that
	// is posted at this time.
	Sign(id string, body []byte, at time.Time) http.Header
}

// Standard signs as the Standard Webhooks specification says
// (github.com/standard-webhooks/standard-webhooks).
type Standard struct {
	Secrets [][]byte // all of them sign, as while one is being replaced
}

// Sign implements [Scheme].
func (s Standard) Sign(id string, body []byte, at time.Time) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, secret := range s.Secrets {
		sum := digest(secret, id+"."+stamp+".", body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(sum))
	}
	h := make(http.Header)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
	return h
}

// ParseSecret reads a secret of [Standard]: whsec_ and base64 of 24 to 64
// bytes. White space around it is ignored. The error does not show it.
func ParseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), "whsec_")
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, errors.New("no secret of Standard Webhooks: write whsec_ and the base64 of 24 to 64 random bytes")
	}
	return secret, nil
}

// HMAC puts the HMAC-SHA256 of the body into a header, in hexadecimal.
type HMAC struct {
	Secret []byte
	Header string // default X-Signature
	Base64 bool   // instead of hexadecimal
	Prefix string // before the digest, such as sha256=
	// TimestampHeader carries the time in Unix seconds. Then the digest is of
	// the time, a full stop and the body; "" is no time at all.
	TimestampHeader string
}

// Sign implements [Scheme].
func (s HMAC) Sign(_ string, body []byte, at time.Time) http.Header {
	h := make(http.Header)
	before := ""
	if s.TimestampHeader != "" {
		stamp := strconv.FormatInt(at.Unix(), 10)
		h.Set(s.TimestampHeader, stamp)
		before = stamp + "."
	}
	sum := digest(s.Secret, before, body)
	text := hex.EncodeToString(sum)
	if s.Base64 {
		text = base64.StdEncoding.EncodeToString(sum)
	}
	header := s.Header
	if header == "" {
		header = "X-Signature"
	}
	h.Set(header, s.Prefix+text)
	return h
}

// Token sends a fixed value in a header: it proves nothing about the body.
type Token struct {
	Header string // default Authorization
	Value  string
}

// Sign implements [Scheme].
func (s Token) Sign(string, []byte, time.Time) http.Header {
	header := s.Header
	if header == "" {
		header = "Authorization"
	}
	h := make(http.Header)
	h.Set(header, s.Value)
	return h
}

func digest(secret []byte, before string, body []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(before))
	m.Write(body)
	return m.Sum(nil)
}
