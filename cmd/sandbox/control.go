package main

import (
	"encoding/json"
	"net/http"

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
	// Webhook counts the events sent, by outcome.
	Webhook map[thnksapitest.Outcome]int `json:"webhook,omitempty"`
}

// control answers GET /counts?object=NAME, by default of the object thnks, and
// POST /events?id=ID&status=STATUS, which moves a transaction to a status.
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
	return mux
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
