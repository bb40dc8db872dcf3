package card

import (
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A Problem is the answer to a request that is not served.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"` // what happened and what to do, for the user
}

// The codes of problems, with the HTTP status that they come with.
const (
	Unauthorized = "unauthorized"  // 401: HubSpot did not sign the request
	NotConnected = "not_connected" // 403: no portal of this program has the account and the app
	NotAllowed   = "not_allowed"   // 403: the user may not send gifts
	BadRequest   = "bad_request"   // 400: the request lacks something, or has too much
	NotFound     = "not_found"     // 404: there is no such route
	Differs      = "differs"       // 409: the request id was used for another gift
	TooLarge     = "too_large"     // 413: the body has more than 1 MB
	Busy         = "busy"          // 429: too many requests at the same time
	Later        = "later"         // 503: try again; nothing was sent
)

// Money is an exact amount.
type Money struct {
	Amount   string `json:"amount"`   // decimal, with the decimals of the currency
	Currency string `json:"currency"` // ISO 4217
}

// Gifts are the gifts of a record.
type Gifts struct {
	Record Record `json:"record"`
	Gifts  []Gift `json:"gifts"`  // newest first, at most 100
	Older  int    `json:"older"`  // how many more there are
	Total  Total  `json:"total"`  // of all gifts of the record that were sent
	Sender Sender `json:"sender"` // whether the user may send
}

// A Record is one of HubSpot's.
type Record struct {
	Type plan.Kind `json:"type"` // contact, company or deal
	ID   string    `json:"id"`
}

// A Total is what the gifts are worth that ever left scheduled, later refunds
// included.
type Total struct {
	Count int     `json:"count"`
	Value []Money `json:"value"` // one for each currency, sorted by it
}

// A Sender says as whom the user sends.
type Sender struct {
	Allowed bool   `json:"allowed"`
	Email   string `json:"email,omitempty"`  // of the API key that sends; absent if not allowed
	Reason  string `json:"reason,omitempty"` // why not, and what to do
}

// A Gift is one gift of a record.
type Gift struct {
	ID        string      `json:"id"` // transaction id
	Name      string      `json:"name"`
	Amount    *Money      `json:"amount,omitempty"` // absent where it is unknown
	Status    plan.Status `json:"status"`
	Sender    string      `json:"sender"`    // name, else address
	Recipient string      `json:"recipient"` // name, else address, else phone
	// Timeline are the statuses that the gift has reached, and the reminders that
	// events reported, oldest first.
	Timeline []Moment `json:"timeline"`
	// Expires is the last day on which the gift can be opened, or once opened
	// redeemed, 2026-12-24 in the portal's time zone; absent where it has ended, or
	// this is unknown.
	Expires  string     `json:"expires,omitempty"`
	DaysLeft *int       `json:"days_left,omitempty"` // until the end of Expires; negative if that is past
	Parcel   string     `json:"parcel,omitempty"`    // the carrier's word
	ParcelAt *time.Time `json:"parcel_at,omitempty"`
	URL      string     `json:"url,omitempty"`  // of the gift's record in HubSpot
	Send     *Send      `json:"send,omitempty"` // what sends it, while that is not over
}

// A Moment is a point of a gift's timeline.
type Moment struct {
	Kind string    `json:"kind"` // a status, or reminder, expiration or resend: a mail that Thnks sent
	At   time.Time `json:"at"`
}

// A Form is what the user needs to write a gift.
type Form struct {
	Record       Record      `json:"record"`
	Sender       Sender      `json:"sender"`
	TestMode     bool        `json:"test_mode"`  // nothing leaves
	Recipients   []Recipient `json:"recipients"` // the contact, or those of the company or deal, at most 50
	Older        int         `json:"older"`      // contacts that are left out
	Catalogue    []Item      `json:"catalogue"`  // sorted by name
	Messages     []string    `json:"messages"`   // to pick from; each may have variables such as {first_name}
	Budget       Budget      `json:"budget"`
	ApproveAbove string      `json:"approve_above"` // what costs more waits for a person
	TimeZone     string      `json:"time_zone"`     // of the times that are typed in; "" before the first run
}

// A Recipient is a contact who may get a gift.
type Recipient struct {
	Contact string `json:"contact"` // HubSpot id
	Name    string `json:"name,omitempty"`
	Email   string `json:"email,omitempty"`
	Problem string `json:"problem,omitempty"` // why no gift can be sent: no usable address, say
}

// An Item is a gift of the catalogue.
type Item struct {
	Gift  int64  `json:"gift"` // Thnks's number of it
	Name  string `json:"name"`
	Price Money  `json:"price"`
}

// A Budget is what the month has left, with what is planned counted as spent.
type Budget struct {
	Currency string `json:"currency"`
	Month    string `json:"month"`  // 2026-11
	Sender   Left   `json:"sender"` // of the user's key
	Portal   Left   `json:"portal"` // of all together
}

// Left is how much of a budget is left, in its currency.
type Left struct {
	Limit string `json:"limit"`
	Spent string `json:"spent"`
	Left  string `json:"left"` // negative where the budget was lowered
}

// A Draft is a gift as the user has written it, to be tried or sent. It is 1 MB at
// most.
type Draft struct {
	// Request is what [Preview] gave; "" for a preview. A repeat with the same one
	// sends nothing twice, and one that says something else is refused.
	Request  string   `json:"request,omitempty"`
	Gift     int64    `json:"gift"`
	Message  string   `json:"message"`          // may have {first_name}, {last_name} and {email}
	At       string   `json:"at,omitempty"`     // when to send; see [send.ParseAt]; "" for at once
	Contacts []string `json:"contacts"`         // HubSpot ids; 1 to 50, each once
	Record   *Record  `json:"record,omitempty"` // the company or deal on whose card it was written
}

// A Preview says what sending a draft would do. Nothing is kept of it.
type Preview struct {
	Request    string      `json:"request"` // for [Draft]
	Recipients []Previewed `json:"recipients"`
	Sends      int         `json:"sends"` // that would leave or be scheduled
	Held       int         `json:"held"`  // that would wait for a person
	Cost       Money       `json:"cost"`  // of both
	Budget     Budget      `json:"budget"`
	TestMode   bool        `json:"test_mode"`
}

// A Previewed is what one recipient would get.
type Previewed struct {
	Recipient
	Message string `json:"message,omitempty"` // with its variables filled
	Guard   string `json:"guard,omitempty"`   // that stops the gift; see package send
	Reason  string `json:"reason,omitempty"`  // in words
	Held    bool   `json:"held,omitempty"`    // it waits for approval; otherwise it is refused
}

// Sends are the gifts of a draft that was sent, in the order of its contacts.
type Sends struct {
	Request string `json:"request"`
	Sends   []Send `json:"sends"`
	Open    int    `json:"open"` // to which something is still to happen: ask again after some seconds
}

// A Send is one entry of the ledger of sends.
type Send struct {
	ID      string `json:"id"` // [send.Row]
	Contact string `json:"contact,omitempty"`
	// State is held, scheduled, sending, unknown, sent, not_sent, refused or
	// cancelled, or no_address where nothing could be asked for.
	State         string     `json:"state"`
	Guard         string     `json:"guard,omitempty"`
	Reason        string     `json:"reason,omitempty"`
	At            *time.Time `json:"at,omitempty"` // when it is to be sent; absent for at once
	TransactionID string     `json:"transaction_id,omitempty"`
}

// NoAddress is the state of a recipient who has no usable address.
const NoAddress = "no_address"

// Settings are what the settings page shows.
type Settings struct {
	Portal   string     `json:"portal"`  // its name in the configuration
	Account  string     `json:"account"` // HubSpot's id of it
	LastSync *time.Time `json:"last_sync"`
	Parts    []Part     `json:"parts"`
}

// A Part is one thing that is connected or missing.
type Part struct {
	Name   string    `json:"name"` // fixed: access, scopes, sync, webhooks, sending, senders
	State  PartState `json:"state"`
	What   string    `json:"what"`             // what was found
	Remedy string    `json:"remedy,omitempty"` // what to do
}

// A PartState says how a [Part] is.
type PartState string

// The states of parts.
const (
	Connected PartState = "connected"
	Missing   PartState = "missing" // optional, and not there
	Broken    PartState = "broken"  // does not work until someone has done something
)

// An Execution is a request of HubSpot to execute the workflow action, as documented
// at https://developers.hubspot.com/docs/api-reference/latest/automation/workflow-actions/custom-action-guide.
type Execution struct {
	CallbackID string    `json:"callbackId"` // the same in every repeat: the request id of the send
	Origin     Origin    `json:"origin"`
	Object     Enrolled  `json:"object"`
	Inputs     SendInput `json:"inputFields"`
}

// An Origin is where a workflow runs.
type Origin struct {
	PortalID int64 `json:"portalId"`
}

// An Enrolled is the contact that a workflow is about.
type Enrolled struct {
	ID         int64  `json:"objectId"`
	Type       string `json:"objectType"` // CONTACT
	Properties struct {
		Email     string `json:"email"`
		FirstName string `json:"firstname"`
		LastName  string `json:"lastname"`
	} `json:"properties"`
}

// A SendInput are the input fields of the workflow action.
type SendInput struct {
	Gift    string `json:"gift"`    // Thnks's number of it, chosen from [Options]
	Message string `json:"message"` // may have {first_name}, {last_name} and {email}
	Sender  string `json:"sender"`  // address of the key to send with, chosen from [Options]; "" where the portal has one key
}

// An Outcome is the answer to an [Execution].
type Outcome struct {
	Fields OutputFields `json:"outputFields"`
}

// OutputFields are the output fields of the workflow action.
type OutputFields struct {
	State      ExecutionState `json:"hs_execution_state"`
	Gift       string         `json:"thnks_transaction_id,omitempty"` // transaction id, or the one that the record has until Thnks shows its own
	SendStatus string         `json:"thnks_status,omitempty"`         // as [Send].State
	Reason     string         `json:"thnks_reason,omitempty"`         // why no gift was sent, for the workflow's owner
	// ErrorCode is the guard that refused the gift, or order, not_sent, cancelled or
	// sending_off. The execution rules of the action can show a text for each.
	ErrorCode string `json:"errorCode,omitempty"`
}

// An ExecutionState says how a workflow goes on.
type ExecutionState string

// The states.
const (
	Success      ExecutionState = "SUCCESS"
	FailContinue ExecutionState = "FAIL_CONTINUE"
	Block        ExecutionState = "BLOCK" // until we call back
)

// An OptionsRequest is HubSpot's request for the options of an input field.
type OptionsRequest struct {
	Origin Origin `json:"origin"`
	Field  string `json:"inputFieldName"` // gift or sender
	Fetch  struct {
		Query string `json:"q"`     // what the user has typed
		After string `json:"after"` // from [Options].After
	} `json:"fetchOptions"`
}

// Options are the options of an input field, a page of them.
type Options struct {
	Options    []Option `json:"options"`
	After      string   `json:"after,omitempty"` // where the next page begins
	Searchable bool     `json:"searchable"`
}

// An Option is one value that an input field may have.
type Option struct {
	Label       string `json:"label"`
	Description string `json:"description,omitempty"`
	Value       string `json:"value"`
}
