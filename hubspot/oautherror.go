package hubspot

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// The kinds of failures of OAuth. The error of a call has one of them where no
// access token was to be had.
const (
	Revoked       Kind = Unprocessable + 1 + iota // the grant is over: an admin has to connect the portal again
	Misconfigured                                 // HubSpot does not accept the app itself, or its settings
	OtherAccount                                  // the grant is for another account than the portal's
	Unkept                                        // the tokens cannot be read or stored on this machine
)

// retryRefusal is after how long an app that HubSpot did not accept is tried once
// more although its secret is the same: the refusal may have been a mistake.
const retryRefusal = time.Hour

// admitted returns the secret to use. While HubSpot does not accept the app it
// returns that error instead, without a request: more of them change nothing, and
// HubSpot counts them against the app. A new secret is tried at once.
func (a *App) admitted() (Secret, error) {
	secret, err := a.cfg.ClientSecret()
	if err != nil {
		return Secret{}, &Error{Kind: Misconfigured, Err: err}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refusal != nil && a.secret.Equal(secret) && time.Now().Before(a.askAgain) {
		return Secret{}, a.refusal
	}
	return secret, nil
}

// noted remembers whether HubSpot accepts the app, and returns err.
func (a *App) noted(secret Secret, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, failed := AsError(err)
	switch {
	case !failed:
		a.refusal = nil
	case e.Kind == Misconfigured && e.Category != codeBadRedirect: // which only an install can have
		a.refusal, a.secret, a.askAgain = e, secret, time.Now().Add(retryRefusal)
	}
	return err
}

// refused is the error of a request that failed in the library or on the way. The
// library's own text may quote HubSpot's answer, and the transport's the address.
func (a *App) refused(method, path string, err error) error {
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		call := &Call{Class: OAuth, Method: method, Path: path, Status: r.Response.StatusCode}
		call.CorrelationID = correlation(r.Response.Header.Get("X-HubSpot-Correlation-Id"))
		return oauthError(call, r.Response, r.Body)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &Error{Kind: Transient, Method: method, Path: path, Err: err}
}

// oauthError is the error of an answer of the token endpoint. Its Category is
// HubSpot's status, or else the code of RFC 6749.
//
// D/changelog/new-oauth-v3-api-endpoints-and-standardized-error-responses
func oauthError(call *Call, res *http.Response, body []byte) *Error {
	var w struct {
		Status        text `json:"status"`
		Error         text `json:"error"`
		Category      text `json:"category"`
		CorrelationID text `json:"correlationId"`
	}
	readable := json.Unmarshal(body, &w) == nil
	e := unexpected(call)
	if e.CorrelationID == "" {
		e.CorrelationID = correlation(string(w.CorrelationID))
	}
	e.RetryAfter = parseRetryAfter(res.Header.Get("Retry-After"), time.Now())
	for _, reason := range []text{w.Status, w.Error, w.Category} {
		if name := code(string(reason)); name != "" && name != "error" {
			e.Category = name
			break
		}
	}
	e.Kind = oauthKind(call.Status, e.Category)
	if e.Kind == Misconfigured && !readable { // HubSpot's refusals are JSON
		e.Kind, e.Err = Transient, errBlocked
	}
	return e
}

// oauthKind says what a refusal means. Only codes that are known to mean it end a
// grant: anything else that is refused is a mistake in the app's settings until
// an admin has looked at it.
func oauthKind(status int, code string) Kind {
	switch {
	case status == http.StatusTooManyRequests, status == statusLocked, status == statusMigrating, status >= 500:
		return Transient
	case status/100 == 2, status/100 == 3: // the library has found no token in it
		return Unexpected
	}
	switch code {
	case "BAD_REFRESH_TOKEN", "BAD_HUB", "invalid_grant":
		return Revoked
	case "access_denied": // a gateway also says this, with 401 or 403
		if status == http.StatusBadRequest {
			return Revoked
		}
	case "BAD_AUTH_CODE", CodeBadVerifier:
		return Refused
	}
	return Misconfigured
}

// codeBadRedirect is the category of the error of [App.Exchange] where HubSpot
// does not know the redirect URL.
const codeBadRedirect = "BAD_REDIRECT_URI"

// CodeBadVerifier is the category of the error of [App.Exchange] where HubSpot
// does not take the code verifier.
const CodeBadVerifier = "BAD_CODE_VERIFIER"
