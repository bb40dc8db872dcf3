package hubspot

import "time"

// An Object is a CRM record: contact, company, deal or custom object.
type Object struct {
	ID         string
	Properties map[string]string // null and absent alike are missing keys
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Archived   bool
}

// An AssociationType names one kind of association in one direction. Types
// that involve a custom object differ from portal to portal.
type AssociationType struct {
	Category string `json:"associationCategory"` // HUBSPOT_DEFINED, USER_DEFINED, …
	ID       int    `json:"associationTypeId"`
}

// A NewObject is a record to create, with the associations to make in the
// same call.
type NewObject struct {
	Properties map[string]string
	Links      []NewLink
}

// A NewLink is an association from a record being created.
type NewLink struct {
	ToID string
	Type AssociationType
}

// A Patch is a change to the named properties of the record with this id.
type Patch struct {
	ID         string
	Properties map[string]string // "" clears

	// Key and Value are the unique property that identifies the record; "" for
	// none. If the record was merged into another with a different value, that
	// one stands for something else and is not changed.
	Key, Value string
}

// An Outcome is the result of one input of a batch call. Exactly one of Object
// and Err is set, except for [Client.Associate], where success leaves both nil.
type Outcome struct {
	Object *Object
	// Existed says that the record to create existed already (a lost answer,
	// or an earlier run). Object has its current properties. Nothing is known
	// about its links.
	Existed bool
	// Unlinked says that the record was created without its links, because
	// HubSpot refused it with them. Make them with [Client.Associate], which
	// reports what is wrong with each.
	Unlinked bool
	// Err is an [*Error] for an input that HubSpot refused or does not know,
	// or the error that ended the call before this input was tried.
	Err error
	// Call is the request that decided the outcome; inputs of one batch share
	// it. It is nil if the input was never sent.
	Call *Call
}

// A Call describes one HTTP request to HubSpot, for the audit and the counts.
type Call struct {
	Class         Class
	Method        string
	Path          string // without query; record ids may occur, values never
	Status        int    // HTTP status, 0 when no answer came
	CorrelationID string
	At            time.Time
}

// A Class is a group of calls that share a rate limit. Its text is the key of
// the report's call counts.
type Class string

// The classes.
const (
	Objects      Class = "objects"
	Associations Class = "associations"
	Search       Class = "search"
	OAuth        Class = "oauth"
	Other        Class = "other" // schemas, properties, pipelines, account; paced with Objects
)

// Classes returns all classes, in the order in which reports name them.
func Classes() []Class { return []Class{Objects, Associations, Search, OAuth, Other} }

// A Pair is an association to create between two existing records.
type Pair struct {
	FromID, ToID string
	Types        []AssociationType
}

// A Related lists the records that one record is associated with.
type Related struct {
	ToID  string
	Types []AssociationType
}

// A Page is one page of a record listing.
type Page struct {
	Objects []Object
	After   string // cursor of the next page, "" on the last
}
