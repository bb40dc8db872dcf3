package store

import (
	"encoding/json"
	"slices"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

type sendRecord struct {
	Request       string    `json:"q,omitempty"`
	Cause         string    `json:"ca,omitempty"`
	Gift          int64     `json:"g,omitempty"`
	GiftName      string    `json:"gn,omitempty"`
	Price         string    `json:"p,omitempty"`
	Currency      string    `json:"cu,omitempty"`
	Sender        string    `json:"s,omitempty"`
	Recipient     string    `json:"r,omitempty"`
	FirstName     string    `json:"fn,omitempty"`
	LastName      string    `json:"ln,omitempty"`
	Message       string    `json:"m,omitempty"`
	Digest        string    `json:"d,omitempty"`
	Contact       string    `json:"co,omitempty"`
	Company       string    `json:"cy,omitempty"`
	Deals         []string  `json:"de,omitempty"`
	Callback      string    `json:"cb,omitempty"`
	Called        stamp     `json:"cd,omitzero"`
	State         SendState `json:"st"`
	Guard         string    `json:"gu,omitempty"`
	Reason        string    `json:"w,omitempty"`
	Created       stamp     `json:"c,omitzero"`
	At            stamp     `json:"a,omitzero"`
	Approved      stamp     `json:"ap,omitzero"`
	Begun         stamp     `json:"b,omitzero"`
	Ended         stamp     `json:"e,omitzero"`
	Status        int       `json:"h,omitempty"`
	ThnksRequest  string    `json:"t,omitempty"`
	TransactionID string    `json:"i,omitempty"`
}

func encodeSend(e Send) ([]byte, error) {
	r := sendRecord{
		Request: e.Request, Cause: e.Cause,
		Gift: e.Gift, GiftName: e.GiftName, Currency: e.Price.Currency,
		Sender: e.Sender, Recipient: e.Recipient, FirstName: e.FirstName, LastName: e.LastName,
		Message: e.Message, Digest: e.Digest, Contact: e.Contact, Company: e.Company, Deals: e.Deals, Callback: e.Callback, Called: stamp{e.Called},
		State: e.State, Guard: e.Guard, Reason: e.Reason,
		Created: stamp{e.Created}, At: stamp{e.At}, Approved: stamp{e.Approved}, Begun: stamp{e.Begun}, Ended: stamp{e.Ended},
		Status: e.Status, ThnksRequest: e.ThnksRequest, TransactionID: e.TransactionID,
	}
	if e.Price != (plan.Money{}) {
		r.Price = e.Price.Value.String()
	}
	return json.Marshal(r)
}

func decodeSend(id string, b []byte) (Send, error) {
	var r sendRecord
	if json.Unmarshal(b, &r) != nil || !slices.Contains(sendStates, r.State) {
		return Send{}, damaged("a send cannot be read")
	}
	e := Send{
		ID: id, Request: r.Request, Cause: r.Cause,
		Gift: r.Gift, GiftName: r.GiftName, Price: plan.Money{Currency: r.Currency},
		Sender: r.Sender, Recipient: r.Recipient, FirstName: r.FirstName, LastName: r.LastName,
		Message: r.Message, Digest: r.Digest, Contact: r.Contact, Company: r.Company, Deals: r.Deals, Callback: r.Callback, Called: r.Called.Time,
		State: r.State, Guard: r.Guard, Reason: r.Reason,
		Created: r.Created.Time, At: r.At.Time, Approved: r.Approved.Time, Begun: r.Begun.Time, Ended: r.Ended.Time,
		Status: r.Status, ThnksRequest: r.ThnksRequest, TransactionID: r.TransactionID,
	}
	if r.Price == "" {
		return e, nil
	}
	var err error
	if e.Price.Value, err = decimal.NewFromString(r.Price); err != nil {
		return Send{}, damaged("a send cannot be read")
	}
	return e, nil
}
