package main

import (
	"net/http"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// giftRequests is the end of the path of requests for gifts.
const giftRequests = "/gift_requests"

// slowness is how long a slow answer takes: less than a sender waits.
const slowness = 20 * time.Second

// sendingRules let the portals of the sandbox send coffee.
const sendingRules = `    sending: {test_mode: false, allow: ["*"], currency: USD, catalogue: [{gift: 5659, name: Morning Coffee, price: "7.50"}], budget: {sender: "100.00", portal: "100.00"}, approve_above: "20.00"}
`

// faultOf is what Thnks does with requests for gifts by a word of POST /sends; of
// "well" there is none.
var faultOf = map[string]*thnksapitest.Fault{
	"well":    nil,
	"lost":    {Path: giftRequests, Effect: thnksapitest.ResetAfter},
	"slow":    {Path: giftRequests, Effect: thnksapitest.SlowAfter, Delay: slowness},
	"refused": {Path: giftRequests, Status: http.StatusUnprocessableEntity, Body: `{"error": "invalid", "message": "the sandbox refuses"}`},
}

// answerSends sets what Thnks does with requests for gifts from now on.
func (w *world) answerSends(rw http.ResponseWriter, r *http.Request) {
	fault, known := faultOf[r.FormValue("answer")]
	if !known {
		http.Error(rw, "answer is missing or unknown: write /sends?answer=lost, slow, refused or well", http.StatusBadRequest)
		return
	}
	w.thnks.ClearFaults()
	if fault != nil {
		w.thnks.Fault(*fault)
	}
	rw.WriteHeader(http.StatusNoContent)
}
