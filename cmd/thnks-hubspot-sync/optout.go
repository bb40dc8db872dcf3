package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// optOuts asks HubSpot who has opted out of gifts, by properties of contacts.
type optOuts struct {
	hubspot    *hubspot.Client
	properties []string

	mu    sync.Mutex
	found time.Time // when HubSpot last had all of the properties
}

// optOutsOf returns what tells why some addresses and contacts get nothing, nil where no property
// says so.
func optOutsOf(c *hubspot.Client, properties []string) func(ctx context.Context, canonical, contacts []string) (map[string]string, error) {
	if len(properties) == 0 {
		return nil
	}
	return (&optOuts{hubspot: c, properties: properties}).of
}

// of returns why some addresses, and contacts by their ids, get nothing: because one of
// the properties of a contact is true, of several contacts with the address of any, or
// because HubSpot does not take the address and so does not say. Only that address is to
// blame then, and others need not wait for it.
func (o *optOuts) of(ctx context.Context, canonical, contacts []string) (map[string]string, error) {
	if err := o.exist(ctx); err != nil {
		return nil, err
	}
	if len(canonical) == 0 {
		return nil, nil
	}
	var spellings, of []string
	for _, address := range canonical {
		for _, spelling := range plan.Spellings(address) {
			spellings, of = append(spellings, spelling), append(of, address)
		}
	}
	outcomes, err := o.contacts(ctx, spellings)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string)
	found := make(map[string]hubspot.Object) // by id
	for i, outcome := range outcomes {
		if notTaken(outcome.Err) {
			out[of[i]] = "HubSpot does not take the address, and so does not say whether its contact has opted out"
			continue
		}
		if outcome.Err != nil {
			return nil, outcome.Err
		}
		for _, contact := range outcome.Found {
			found[contact.ID] = contact
			if why := o.said(contact); why != "" {
				out[of[i]] = why
			}
		}
	}
	named, err := o.ofContacts(ctx, contacts, found)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, named)
	return out, nil
}

// ofContacts returns why some contacts get nothing, by their ids: they may have another
// address now than that of the gift. Those that were found are not read again. One that a
// batch does not find is read by itself, as it may have been merged into another, who
// counts for it; one that is gone says nothing.
func (o *optOuts) ofContacts(ctx context.Context, ids []string, found map[string]hubspot.Object) (map[string]string, error) {
	out := make(map[string]string)
	var rest []string
	for _, id := range ids {
		contact, ok := found[id]
		if !ok {
			rest = append(rest, id)
		} else if why := o.said(contact); why != "" {
			out[id] = why
		}
	}
	if len(rest) == 0 {
		return out, nil
	}
	outcomes, err := o.hubspot.Read(ctx, "contacts", rest, o.properties)
	if err != nil {
		return nil, err
	}
	for i, outcome := range outcomes {
		contact, err := outcome.Object, outcome.Err
		if hubspot.IsNotFound(err) {
			contact, err = o.hubspot.Get(ctx, "contacts", rest[i], o.properties, false)
		}
		switch {
		case hubspot.IsNotFound(err):
		case notTaken(err):
			out[rest[i]] = "HubSpot does not show the contact, and so does not say whether it has opted out"
		case err != nil:
			return nil, err
		default:
			if why := o.said(*contact); why != "" {
				out[rest[i]] = why
			}
		}
	}
	return out, nil
}

// notTaken reports whether HubSpot failed by what it was asked for alone.
func notTaken(err error) bool {
	e, ok := hubspot.AsError(err)
	return ok && (e.Kind == hubspot.Refused || e.Kind == hubspot.Unprocessable)
}

// said is why a contact gets nothing by its properties, "" if they do not say so.
func (o *optOuts) said(contact hubspot.Object) string {
	for _, p := range o.properties {
		if strings.EqualFold(contact.Properties[p], "true") {
			return "the contact has opted out in HubSpot, by the property " + p
		}
	}
	return ""
}

// contacts returns the contacts of addresses. Those that a look-up does not find are
// searched among the additional ones, which not every account's look-up knows.
func (o *optOuts) contacts(ctx context.Context, addresses []string) ([]hubspot.ContactsOutcome, error) {
	outcomes, err := o.hubspot.ContactsByEmail(ctx, addresses, o.properties)
	if err != nil {
		return nil, err
	}
	var missed []string
	var of []int // the index of each
	for i, outcome := range outcomes {
		if outcome.Err == nil && len(outcome.Found) == 0 {
			missed, of = append(missed, addresses[i]), append(of, i)
		}
	}
	if len(missed) == 0 {
		return outcomes, nil
	}
	searched, err := o.hubspot.ContactsByAdditionalEmail(ctx, missed, o.properties)
	if err != nil {
		return nil, err
	}
	for k, outcome := range searched {
		outcomes[of[k]] = outcome
	}
	return outcomes, nil
}

// exist fails where contacts lack one of the properties, which HubSpot is asked once a
// day: it leaves a property that does not exist out of its answers without a word, and
// all contacts would seem not to have opted out.
func (o *optOuts) exist(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.found) < 24*time.Hour {
		return nil
	}
	all, err := o.hubspot.Properties(ctx, "contacts")
	if err != nil {
		return err
	}
	for _, name := range o.properties {
		if !slices.ContainsFunc(all, func(p hubspot.Property) bool { return p.Name == name }) {
			return fmt.Errorf("HubSpot's contacts have no property %q: name another one in sending.opt_out_properties, or make it in HubSpot", name)
		}
	}
	o.found = time.Now()
	return nil
}
