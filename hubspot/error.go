package hubspot

import "time"

// A Kind says what an [Error] means for the caller. Everything is decided by
// kind, never by the text of a message.
type Kind int

// The kinds, from harmless to fatal.
const (
	Refused      Kind = iota + 1 // 400, 409, 207 item: this input will never be accepted as it is
	NotFound                     // 404, or an id that a batch answer reports as unknown
	Transient                    // network, 423, 5xx: retries are used up, a later run may succeed
	Limited                      // 429 that outlasted its retries
	Daily                        // 429 DAILY: parked until Until
	Migrating                    // 477: the account is moving data centre; parked until Until
	Unauthorised                 // 401: the token is not accepted
	Forbidden                    // 403: a scope, permission or product tier is missing
	Unexpected                   // an answer that makes no sense: malformed, oversized, empty
)

// A Detail is one entry of an error answer's errors list.
type Detail struct {
	Code        string
	Property    string // context.propertyName
	Scopes      []string
	SubCategory string
}

// An Error is any failure of a HubSpot call. Its Error text names the call,
// the status, the category and the correlation id; it never quotes Message,
// because HubSpot's messages repeat record values.
//
// Shape: D/api-reference/error-handling.
type Error struct {
	Kind          Kind
	Status        int
	Category      string
	SubCategory   string
	Message       string // HubSpot's own words, at most 1 KiB; may hold personal data
	CorrelationID string
	Policy        string // policyName of a 429
	Details       []Detail
	IDs           []string  // context.ids of a 207 item
	TraceIDs      []string  // context.objectWriteTraceId of a 207 item
	Until         time.Time // when Daily and Migrating end
	Method, Path  string
	Err           error // underlying transport error, if any
}
