package thnksapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Kind says what an [Error] means for the caller. Everything is decided by
// kind, never by text.
type Kind int

// The kinds.
const (
	Transient  Kind = iota + 1 // network, 5xx, or a success that is not JSON: retries are used up, a later run may succeed
	Limited                    // 429 that asks for a long wait, or outlasted its retries; see Until
	KeyRefused                 // 401 or 403: the API key is not accepted
	NotFound                   // 403, 404 or 410 for one transaction: there is none, or none that the key may see
	Stale                      // the cursor is not accepted any more: begin the listing anew
	Unexpected                 // the answer does not fit the dialect
	Circular                   // the listing repeats itself or does not end: if it was resumed with a cursor, begin it anew
)

func (k Kind) String() string {
	switch k {
	case Transient:
		return "transient"
	case Limited:
		return "limited"
	case KeyRefused:
		return "key refused"
	case NotFound:
		return "not found"
	case Stale:
		return "stale cursor"
	case Unexpected:
		return "unexpected"
	case Circular:
		return "circular listing"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// An Error is any failure of a call. Only the error of a done context is
// returned unchanged. Its text names the call, the status, what is wrong and
// what to do; it quotes neither bodies nor headers nor the key. An error of
// [Config].Waiting is returned unchanged, too.
type Error struct {
	Kind    Kind
	Status  int       // HTTP status, 0 where there was no answer, or one that is not the source's
	Path    string    // of the call, as the dialect has it, without values
	Problem string    // what is wrong, and what to do about it
	Until   time.Time // when the source asked to be called again; zero if it did not say
	Err     error     // our own underlying error, if any
}

// ErrNoDetail is returned by [Client.Transaction] if the dialect has no detail
// path.
var ErrNoDetail = errors.New("thnks: the dialect has no call for one transaction (detail_path is empty)")

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "thnks: GET %s: ", e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d %s: ", e.Status, http.StatusText(e.Status))
	}
	b.WriteString(e.Problem)
	if e.Err != nil {
		fmt.Fprintf(&b, " (%v)", e.Err)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// statusError returns the error for an answer that is no success. resumed
// means that the request carried a cursor, which the source may have forgotten.
func statusError(status int, path string, detail, resumed bool) *Error {
	e := &Error{Kind: Unexpected, Status: status, Path: path}
	switch {
	case detail && (status == http.StatusNotFound || status == http.StatusForbidden || status == http.StatusGone):
		// Whether the key is accepted at all is seen from listings.
		e.Kind = NotFound
		e.Problem = "no such transaction, or not one that this key sees"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Kind = KeyRefused
		e.Problem = "the API key was refused: check api_key_file, and dialect.auth if the account's API wants the key in another form"
	case status == http.StatusTooManyRequests:
		e.Kind = Limited
		e.Problem = "too many requests: the next run goes on where this one stopped"
	case status == http.StatusRequestTimeout || status >= 500:
		e.Kind = Transient
		e.Problem = "Thnks has a problem: the next run goes on where this one stopped"
	case status >= 300 && status < 400:
		e.Problem = "a redirect, which is never followed: check base_url and the dialect's paths"
	case resumed && (status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusGone || status == http.StatusUnprocessableEntity):
		e.Kind = Stale
		e.Problem = "the cursor is not accepted any more: the listing must begin anew"
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		e.Problem = "there is no such call: check base_url and the dialect's paths"
	case status >= 200 && status < 300:
		e.Problem = "a success without transactions, where 200 was expected: check the dialect's paths"
	default:
		e.Problem = "the request was refused: check dialect.paging and dialect.since"
	}
	return e
}
