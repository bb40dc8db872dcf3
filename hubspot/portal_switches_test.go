package hubspot_test

import (
	"testing"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
)

// TestPortalHides: records that reads do not find are listed all the same.
func TestPortalHides(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, giftType string) {
		id := p.AddRecord(giftType, map[string]string{keyProperty: "T-1"})
		for _, hidden := range []bool{true, false} {
			p.Hide(giftType, hidden)
			found := func(err error) bool {
				e, ok := hubspot.AsError(err)
				return !ok || e.Kind != hubspot.NotFound
			}
			_, err := c.Get(t.Context(), giftType, id, nil, false)
			read, _ := c.Read(t.Context(), giftType, []string{id}, nil)
			keyed, _ := c.ReadByKey(t.Context(), giftType, keyProperty, []string{"T-1"}, nil, false)
			updated, _ := c.Update(t.Context(), giftType, []hubspot.Patch{{ID: id, Properties: map[string]string{"gift_name": "Tea"}}})
			if found(err) == hidden || found(read[0].Err) == hidden || found(keyed[0].Err) == hidden || found(updated[0].Err) == hidden {
				t.Errorf("hidden %v: get %v, read %+v, by key %+v, update %+v", hidden, err, read[0], keyed[0], updated[0])
			}
			if page, err := c.List(t.Context(), giftType, "", 100, false, nil); err != nil || len(page.Objects) != 1 {
				t.Errorf("hidden %v: listed %+v, %v", hidden, page, err)
			}
		}
	})
}

// TestPortalChangesItsMind: whether a batch read by e-mail knows additional
// addresses may differ from day to day.
func TestPortalChangesItsMind(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, _ string) {
		p.AddContact("a@example.com", map[string]string{"hs_additional_emails": "b@example.com"})
		for _, on := range []bool{true, false} {
			p.SetSecondaryByEmail(on)
			out, err := c.ContactsByEmail(t.Context(), []string{"b@example.com"}, nil)
			if err != nil || (len(out[0].Found) == 1) != on {
				t.Errorf("on %v: %+v, %v", on, out, err)
			}
		}
	})
}
