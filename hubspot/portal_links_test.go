package hubspot_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// TestPortalSecondary: an address that is a contact's additional one is found
// by search, whatever the batch read knows, and no other's contact is.
func TestPortalSecondary(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, _ string) {
		var addresses, ids []string
		for i := range 23 {
			addresses = append(addresses, fmt.Sprintf("s%d@example.com", i))
			if i%2 == 0 {
				ids = append(ids, p.AddContact(fmt.Sprintf("p%d@example.com", i), map[string]string{"hs_additional_emails": "x." + addresses[i] + ";" + addresses[i]}))
			}
		}
		p.AddContact("s1@example.com", map[string]string{"hs_additional_emails": "y.s3@example.com"})
		before := c.Calls()[hubspot.Search]
		found, err := c.ContactsByAdditionalEmail(t.Context(), addresses, []string{"createdate"})
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range found {
			if o.Err != nil || len(o.Found) != 1-i%2 || i%2 == 0 && (o.Found[0].ID != ids[i/2] || o.Found[0].Properties["email"] == "") {
				t.Errorf("%s: %+v", addresses[i], o)
			}
		}
		if n := c.Calls()[hubspot.Search] - before; n != 5 {
			t.Errorf("%d searches for 23 addresses, want 5", n)
		}
	})
}

func TestPortalOwners(t *testing.T) {
	p := contract.New(t, hubspottest.Options{})
	var want []hubspot.Owner
	for i := range 502 {
		email := fmt.Sprintf("u%d@example.com", i)
		id := p.AddOwner(email, "U", "U")
		if i == 3 {
			p.ArchiveOwner(id)
			continue
		}
		want = append(want, hubspot.Owner{ID: id, Email: email})
	}
	c := portalClient(t, p)
	owners, err := c.Owners(t.Context())
	if err != nil || !slices.Equal(owners, want) {
		t.Errorf("%d owners, want %d; error %v", len(owners), len(want), err)
	}
	p.SetScopes("oauth")
	_, err = c.Owners(t.Context())
	if e, ok := hubspot.AsError(err); !ok || e.Kind != hubspot.Forbidden {
		t.Errorf("without the scope: %v", err)
	}
}

func TestPortalListArchived(t *testing.T) {
	eachPortal(t, func(t *testing.T, p *hubspottest.Portal, c *hubspot.Client, giftType string) {
		live := p.AddRecord(giftType, map[string]string{keyProperty: "T-1"})
		var deleted []string
		for i := range 3 {
			id := p.AddRecord(giftType, map[string]string{keyProperty: fmt.Sprintf("T-%d", 2+i)})
			p.Archive(giftType, id)
			deleted = append(deleted, id)
		}
		all := func(archived bool) (ids []string) {
			t.Helper()
			for after := ""; ; {
				page, err := c.List(t.Context(), giftType, after, 2, archived, []string{keyProperty})
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range page.Objects {
					if o.Archived != archived || o.Properties[keyProperty] == "" {
						t.Errorf("listed %+v", o)
					}
					ids = append(ids, o.ID)
				}
				if after = page.After; after == "" {
					return ids
				}
			}
		}
		if got := all(false); !slices.Equal(got, []string{live}) {
			t.Errorf("live: %v", got)
		}
		if got := all(true); !slices.Equal(got, deleted) {
			t.Errorf("archived: %v, want %v", got, deleted)
		}
	})
}

// TestPortalAssociationLimit: a pair beyond a limit is refused by itself, and
// a record that would be one of it is created without its links.
func TestPortalAssociationLimit(t *testing.T) {
	for _, invalid := range []hubspottest.InvalidLinks{hubspottest.RefuseRecord, hubspottest.WriteThenRefuse} {
		synctest.Test(t, func(t *testing.T) {
			p := contract.New(t, hubspottest.Options{InvalidLinks: invalid})
			c := portalClient(t, p)
			giftType := giftObject(t, c)
			contact := p.AddContact("a@example.com", nil)
			p.LimitAssociations("contacts", "thnks", 2)
			types := []hubspot.AssociationType{contactType(t, c, giftType)}
			var pairs []hubspot.Pair
			for i := range 4 {
				gift := p.AddRecord(giftType, map[string]string{keyProperty: fmt.Sprintf("T-%d", i)})
				pairs = append(pairs, hubspot.Pair{FromID: gift, ToID: contact, Types: types})
			}
			out, err := c.Associate(t.Context(), giftType, "0-1", pairs)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range out {
				e, _ := hubspot.AsError(o.Err)
				if i < 2 && o.Err != nil || i >= 2 && (e == nil || e.Kind != hubspot.Refused || e.SubCategory != "ASSOCIATION_LIMIT_EXCEEDED") {
					t.Errorf("pair %d: %v", i, o.Err)
				}
			}
			created, err := c.Create(t.Context(), giftType, keyProperty, []hubspot.NewObject{
				{Properties: map[string]string{keyProperty: "T-8"}, Links: []hubspot.NewLink{{ToID: contact, Type: types[0]}}},
				{Properties: map[string]string{keyProperty: "T-9"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if o := created[0]; o.Object == nil || o.Existed == o.Unlinked || created[1].Object == nil || created[1].Unlinked {
				t.Errorf("%v: created %+v", invalid, created)
			}
			if got := p.Links("contacts", contact)["thnks"]; len(got) != 2 || p.Count(giftType) != 6 {
				t.Errorf("%v: %d links, %d records", invalid, len(got), p.Count(giftType))
			}
		})
	}
}
