package hubspot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A Kind says what an [Error] means for the caller. Everything is decided by
// kind, never by the text of a message.
type Kind int

// The kinds, from harmless to fatal.
const (
	Refused      Kind = iota + 1 // 400, 409, 207 item: this input is never accepted unchanged
	NotFound                     // 404, or an id that a batch answer reports as unknown
	Transient                    // network, 423, 5xx, an answer damaged or sent on the way: retries are used up, a later run may succeed
	Limited                      // 429 that outlasted its retries
	Daily                        // 429 DAILY: parked until Until
	Migrating                    // 477: the account is moving data centre; parked until Until
	Unauthorised                 // 401: the token is not accepted
	Forbidden                    // 403 of HubSpot's: a scope, permission or product tier is missing
	Unexpected                   // an answer that we cannot use: of another form, oversized, without what was asked for
)

// String returns the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Refused:
		return "refused"
	case NotFound:
		return "not found"
	case Transient:
		return "transient"
	case Limited:
		return "limited"
	case Daily:
		return "daily limit"
	case Migrating:
		return "migrating"
	case Unauthorised:
		return "unauthorised"
	case Forbidden:
		return "forbidden"
	case Unexpected:
		return "unexpected"
	case Archived:
		return "archived"
	case Unprocessable:
		return "unprocessable"
	case Revoked:
		return "revoked"
	case Misconfigured:
		return "misconfigured"
	case OtherAccount:
		return "other account"
	case Unkept:
		return "tokens not kept"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// A Detail is one entry of an error answer's errors list.
type Detail struct {
	Code        string
	Property    string   // context.propertyName
	Scopes      []string // names of scopes, nothing else
	SubCategory string
}

// An Error is any failure of a HubSpot call. Its Error text names the call,
// the status, the category and the correlation id; it never quotes Message,
// because HubSpot's messages repeat record values.
//
// Shape: D/api-reference/error-handling.
type Error struct {
	Kind          Kind
	Status        int // HTTP status, 0 when no answer came
	Category      string
	SubCategory   string
	Message       string // HubSpot's own words, at most 1 KiB; may hold personal data
	CorrelationID string
	Policy        string // policyName of a 429
	Details       []Detail
	IDs           []string      // context.ids of a 207 item
	TraceIDs      []string      // context.objectWriteTraceId of a 207 item
	RetryAfter    time.Duration // how long HubSpot asked to wait, at most 24 h; 0 if it did not
	Until         time.Time     // when Daily and Migrating end
	Method, Path  string
	Err           error // underlying transport error, if any; its text may quote what was received

	// Lost says that the request must not simply be repeated: it may have
	// taken effect, but its answer is missing or unreadable.
	Lost bool

	sifted bool // no single input is to blame, as [Culprits] have shown
}

// AsError returns the [*Error] in err's chain.
func AsError(err error) (*Error, bool) { return errors.AsType[*Error](err) }

// Foreign reports whether the answer was not HubSpot's, but that of a proxy or
// firewall before it, or was damaged on the way.
func (e *Error) Foreign() bool { return errors.Is(e.Err, errBlocked) || errors.Is(e.Err, errGarbled) }

// Unwrap returns the transport error.
func (e *Error) Unwrap() error { return e.Err }

// Error says what failed, why and what to do. It is safe to log.
func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString("hubspot: ")
	if e.Method != "" {
		fmt.Fprintf(&s, "%s %s: ", e.Method, e.Path)
	}
	switch {
	case e.Status != 0:
		fmt.Fprintf(&s, "%d ", e.Status)
		if name := code(e.Category); name != "" {
			s.WriteString(name + " ")
		}
		if id := correlation(e.CorrelationID); id != "" {
			fmt.Fprintf(&s, "(correlation %s) ", id)
		}
	case e.Err != nil && (e.Kind == Transient || e.Kind == Unprocessable):
		s.WriteString(cause(e.Err) + " ")
	case e.Err != nil && (e.Kind == Misconfigured || e.Kind == Unkept):
		s.WriteString(e.Err.Error() + " ") // of this machine, not of HubSpot
	case e.Category != "":
		s.WriteString(code(e.Category) + " ")
	}
	text := strings.TrimSuffix(s.String(), " ")
	return strings.TrimSuffix(text, ":") + ": " + e.remedy()
}

// remedy says what to do about the error.
func (e *Error) remedy() string {
	if e.Lost {
		return "the request may have taken effect; look for its record before sending it again"
	}
	switch e.Kind {
	case Refused:
		return "HubSpot does not accept this input; correct it, or the property or rule in HubSpot that forbids it"
	case NotFound:
		return "this portal has no such record or object; it may have been deleted or merged"
	case Transient:
		switch {
		case errors.Is(e.Err, context.Canceled):
			return "the call was interrupted; run again"
		case errors.Is(e.Err, errBlocked):
			return "blocked by a proxy or firewall between here and HubSpot, which answered in its place; let it pass calls to HubSpot's API, and check that base_url is its address"
		case errors.Is(e.Err, errGarbled):
			return "the answer was damaged or replaced between here and HubSpot; check the connection, proxies on the way, and that base_url is HubSpot's API; run again later"
		}
		return "HubSpot could not be reached or did not finish; check the connection, run again later"
	case Limited:
		return "the rate limit stayed exhausted; let other apps of this portal call less, or lower requests_per_10s"
	case Daily:
		return "the portal's calls for today are used up; nothing is sent until " + e.Until.Format(time.RFC3339)
	case Migrating:
		return "HubSpot is moving the account to another data centre; nothing is sent until " + e.Until.Format(time.RFC3339)
	case Unauthorised:
		return "the access token is not accepted; it may have been rotated or revoked: provide a new one"
	case Forbidden:
		if scopes := e.scopes(); scopes != "" {
			return "the token lacks a scope; grant one of: " + scopes
		}
		return "a scope, a permission or the product tier is missing; compare the app's scopes and the portal's subscription"
	case Revoked:
		if e.Category == CodeNotConnected {
			return "no admin of the account has granted access yet; connect the portal"
		}
		return "the access that an admin had granted is over; connect the portal again"
	case Unkept:
		return "HubSpot's tokens cannot be kept without their state file and master key; put right what is named, then run again"
	case Misconfigured:
		return "HubSpot does not accept the OAuth app; compare client_id, client_secret_file and public_url with the app's settings in HubSpot"
	case OtherAccount:
		return "the access was granted for another HubSpot account than the portal's; connect the portal again, with the account of its account_id"
	case Unprocessable:
		return "HubSpot, or a proxy or firewall before it, fails at this record each time while it takes others; find out what is special about the record, and report it with the correlation id"
	case Archived:
		return "a deleted record holds this unique value; restore it in HubSpot, or wait until HubSpot has purged it"
	case Unexpected:
		switch {
		case e.Status/100 == 3:
			return "redirects are not followed; set base_url to the address of the API itself"
		case errors.Is(e.Err, errEndless):
			return "HubSpot's listing repeats itself and has no end; run again later, and report this if it goes on"
		case errors.Is(e.Err, errTooLarge):
			return "the answer is larger than 8 MiB; report this with the correlation id"
		case errors.Is(e.Err, errTooMany):
			return "the answer has more records than were asked for; check that base_url is HubSpot's API"
		}
	}
	return "the answer is unusable; check that base_url is HubSpot's API; if it is, report this with the correlation id"
}

// scopes lists the scopes that the token lacks.
func (e *Error) scopes() string {
	var names []string
	for _, d := range e.Details {
		names = append(names, scopeNames(d.Scopes)...)
	}
	return strings.Join(names, ", ")
}

// maxScopes bounds how many scopes an error names.
const maxScopes = 32

// scopeVersion is the end of the names of newer scopes, such as
// crm.objects.contacts.sensitive.read.v2.
var scopeVersion = regexp.MustCompile(`\.v[0-9]{1,2}$`)

// scopeNames returns those that look like names of scopes. Anything else might be
// personal data; with digits, other than those of a version, it might be a token.
func scopeNames(scopes []string) (names []string) {
	for _, s := range scopes {
		name := scopeVersion.ReplaceAllString(s, "")
		if name != "" && len(s) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz._-") == "" && len(names) < maxScopes {
			names = append(names, s)
		}
	}
	return names
}

// letters are those of HubSpot's names and ids.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// code returns s if it looks like a name that HubSpot's API gives a reason, "" if not.
// Anything else might be personal data; with digits it might be a token.
func code(s string) string {
	if len(s) > 100 || strings.Trim(s, letters+"_.") != "" {
		return ""
	}
	return s
}

// propertyName returns s if it looks like the internal name of a property, "" if not.
func propertyName(s string) string {
	if len(s) > 100 || strings.Trim(s, letters+"0123456789_") != "" {
		return ""
	}
	return s
}

// correlation returns s if it looks like an id that HubSpot generated, "" if not. A
// token is longer than such an id, which is a UUID.
func correlation(s string) string {
	if len(s) > len("00000000-0000-4000-8000-000000000000") || strings.Trim(s, letters+"0123456789-") != "" {
		return ""
	}
	return s
}

// cause says in our words why no answer came. It never uses the texts of
// transport errors, because some quote what the other side sent.
func cause(err error) string {
	var (
		dns     *net.DNSError
		invalid *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns):
		return "host name not resolved"
	case errors.As(err, &invalid):
		return "TLS certificate not trusted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case timedOut(err):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "connection closed before the answer was complete"
	}
	return "connection failed"
}
