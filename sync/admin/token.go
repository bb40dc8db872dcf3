package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The ways to send the token, of which browsers know the first: they ask for a
// name and a password. See RFC 7617 and RFC 6750.
const (
	basic  = `Basic realm="thnks-hubspot-sync, any name and the token of admin_token_file", charset="UTF-8"`
	bearer = "Bearer"
)

// admit reports whether a client sees recipients. ok is false if it sent a
// wrong token. It compares digests of one length, so that the time taken
// reveals nothing about the token.
func (p *pages) admit(authorization []string) (unmasked, ok bool) {
	if p.token == nil || len(authorization) == 0 {
		return p.unmasked, true
	}
	digest := sha256.Sum256([]byte(tokenIn(authorization[0])))
	ok = subtle.ConstantTimeCompare(digest[:], p.token) == 1 && len(authorization) == 1
	return ok, ok
}

// tokenIn returns the token that a header sends, "" for none.
func tokenIn(authorization string) string {
	scheme, sent, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return sent
	case strings.EqualFold(scheme, "Basic"):
		decoded, err := base64.StdEncoding.DecodeString(sent)
		if err != nil {
			return ""
		}
		_, password, _ := strings.Cut(string(decoded), ":")
		return password
	}
	return ""
}

// refuseToken answers a request with a wrong token, and says how to send it. An
// address that sends many has to wait, unless the next one is right.
func (p *pages) refuseToken(w http.ResponseWriter, r *http.Request, how string) {
	wait, first := p.guesses.wrong(r.RemoteAddr, time.Now())
	w.Header().Set("Connection", "close")
	if wait == 0 {
		w.Header().Set("WWW-Authenticate", how)
		http.Error(w, "the token is not the one of admin_token_file; without a token, recipients are hidden", http.StatusUnauthorized)
		return
	}
	if first {
		p.log.Warn("many wrong admin tokens", keyCount, maxGuesses+1, keyClient, hostOf(r.RemoteAddr))
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
	http.Error(w, "many wrong tokens came from this address: wait, or send the one of admin_token_file", http.StatusTooManyRequests)
}
