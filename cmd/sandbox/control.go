package main

import (
	"encoding/json"
	"net/http"
	"net/mail"
	"strings"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// shownMissing is how many missing transactions are named.
const shownMissing = 10

// Counts compare the portal with the source. All is well when Gifts equals
// Transactions and both Missing and Doubled are 0.
type Counts struct {
	Transactions  int            `json:"transactions"` // in Thnks, those with an id
	Gifts         int            `json:"gifts"`        // records of the custom object in HubSpot
	Linked        int            `json:"linked"`       // gifts with a contact
	Missing       int            `json:"missing"`      // transactions that no gift has the id of
	MissingIDs    []string       `json:"missing_ids"`  // the first of them
	Doubled       int            `json:"doubled"`      // gifts beyond the first with one id
	HubSpotCalls  map[string]int `json:"hubspot_calls"`
	HubSpotStatus map[int]int    `json:"hubspot_status"` // answers by HTTP status
	ThnksCalls    int            `json:"thnks_calls"`
	Sent          int            `json:"sent"` // gifts that requests have caused
	// Webhook counts the events sent, by outcome.
	Webhook map[thnksapitest.Outcome]int `json:"webhook,omitempty"`
}

// A MadeContact is a contact that was made by POST /contacts.
type MadeContact struct {
	Contact string `json:"contact"` // its id
	Email   string `json:"email"`
	Gift    string `json:"gift,omitempty"` // the transaction of the orphan whose recipient it is
}

// control answers GET /counts?object=NAME, by default of the object thnks,
// POST /sends?answer=WORD, which says what Thnks does with requests for gifts,
// POST /events?id=ID&status=STATUS, which moves a transaction to a status, and
// POST /contacts?email=EMAIL, which makes a contact as a user does: by default of the
// recipient of an orphan.
func (w *world) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(rw http.ResponseWriter, r *http.Request) {
		object := r.FormValue("object")
		if object == "" {
			object = "thnks"
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(w.count(object)) // the client has gone
	})
	mux.HandleFunc("POST /sends", w.answerSends)
	mux.HandleFunc("POST /events", func(rw http.ResponseWriter, r *http.Request) {
		id, status := r.FormValue("id"), r.FormValue("status")
		switch {
		case status == "":
			http.Error(rw, "status is missing: write /events?id=T-000001&status=opened", http.StatusBadRequest)
		case !w.thnks.Reach(id, status):
			http.Error(rw, "Thnks has no transaction of that id", http.StatusNotFound)
		default:
			rw.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("POST /contacts", func(rw http.ResponseWriter, r *http.Request) {
		made := MadeContact{Email: r.FormValue("email")}
		if made.Email == "" {
			made.Gift, made.Email = w.orphan()
		}
		address, err := mail.ParseAddress(made.Email)
		switch {
		case made.Email == "":
			http.Error(rw, "no gift in HubSpot is without a contact: write /contacts?email=ann@acme.example", http.StatusNotFound)
			return
		case err != nil || address.Address != made.Email:
			http.Error(rw, "email is no address: write /contacts?email=ann@acme.example", http.StatusBadRequest)
			return
		case w.holds(made.Email):
			http.Error(rw, "HubSpot has a contact with that address", http.StatusConflict)
			return
		}
		made.Contact = w.portal.AddContact(made.Email, nil)
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(made) // the client has gone
	})
	return mux
}

// orphan returns the transaction of a gift in HubSpot that has no contact, and its
// recipient's address, which no contact has; "" if there is none.
func (w *world) orphan() (id, email string) {
	for gift := range w.portal.Records("thnks") {
		email := strings.ToLower(gift.Properties["recipient_email"])
		if email != "" && len(w.portal.Links("thnks", gift.ID)["contacts"]) == 0 && !w.holds(email) {
			return gift.Properties["thnks_transaction_id"], email
		}
	}
	return "", ""
}

// holds reports whether a contact has an address, as its only one or beside others.
func (w *world) holds(email string) bool {
	return len(w.portal.Find("contacts", "email", email))+len(w.portal.Find("contacts", "hs_additional_emails", email)) > 0
}

func (w *world) count(object string) Counts {
	requests := w.portal.Requests()
	ids := w.thnks.IDs()
	c := Counts{
		Transactions:  len(ids),
		MissingIDs:    []string{},
		HubSpotCalls:  requests.ByClass,
		HubSpotStatus: requests.ByStatus,
		ThnksCalls:    w.thnks.Requests(),
		Sent:          len(w.thnks.Gifts()),
	}
	seen := make(map[string]bool)
	for gift := range w.portal.Records(object) {
		c.Gifts++
		id := gift.Properties["thnks_transaction_id"]
		if seen[id] {
			c.Doubled++
		}
		seen[id] = true
		if len(w.portal.Links(object, gift.ID)["contacts"]) > 0 {
			c.Linked++
		}
	}
	for _, id := range ids {
		if !seen[id] {
			if c.Missing++; c.Missing <= shownMissing {
				c.MissingIDs = append(c.MissingIDs, id)
			}
		}
	}
	if w.sender != nil {
		c.Webhook = w.sender.Outcomes()
	}
	return c
}
