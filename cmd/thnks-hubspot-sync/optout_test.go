package main

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// clientOf is a client of a portal, whose token is t.
func clientOf(t *testing.T, portal *hubspottest.Portal) *hubspot.Client {
	t.Helper()
	c, err := hubspot.New(hubspot.Config{
		Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "t"}), Transport: hubspottest.Transport(portal),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOptOutByAnyAddress: who has opted out gets nothing at a secondary address either,
// whether or not HubSpot finds contacts by those. Where it cannot be asked, nothing is said.
func TestOptOutByAnyAddress(t *testing.T) {
	for name, resolves := range map[string]bool{"found by them": true, "not found by them": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				portal := contract.New(t, hubspottest.Options{Token: "t", SecondaryByEmail: resolves})
				c := clientOf(t, portal)
				defer c.Close()
				portal.AddContact("out@acme.example", map[string]string{"hs_additional_emails": "home@out.example;old@out.example", "hs_email_optout": "true"})
				portal.AddContact("in@acme.example", map[string]string{"hs_additional_emails": "home@in.example"})
				portal.RefuseAddress("odd@acme.example")
				of := optOutsOf(c, []string{"hs_email_optout"})
				who := []string{"in@acme.example", "home@in.example", "stranger@acme.example", "odd@acme.example", "old@out.example"}

				out, err := of(t.Context(), who, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := slices.Sorted(maps.Keys(out)); !slices.Equal(got, []string{"odd@acme.example", "old@out.example"}) {
					t.Errorf("nothing goes to %q", got)
				}
				portal.Fault(hubspottest.Fault{PathContains: "/contacts/search", Status: 403, Count: -1})
				if _, err := of(t.Context(), []string{"stranger@acme.example"}, nil); err == nil {
					t.Error("a contact that cannot be searched for counts as one that has not opted out")
				}
			})
		})
	}
}

// TestOptOutOfNamedContact: a contact that has opted out, and has another address meanwhile
// than the one that a gift goes to, gets nothing where the order names it; also under the
// id that it had before it was merged into another.
func TestOptOutOfNamedContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		portal := contract.New(t, hubspottest.Options{Token: "t"})
		c := clientOf(t, portal)
		defer c.Close()
		moved := portal.AddContact("new@acme.example", map[string]string{"hs_email_optout": "true"})
		stays := portal.AddContact("stays@acme.example", nil)
		gone := portal.AddContact("gone@acme.example", map[string]string{"hs_email_optout": "true"})
		portal.Archive("contacts", gone)
		of := optOutsOf(c, []string{"hs_email_optout"})

		out, err := of(t.Context(), []string{"old@acme.example", "stays@acme.example"}, []string{moved, stays, gone})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(maps.Keys(out)); !slices.Equal(got, []string{moved}) {
			t.Errorf("nothing goes to %q, want %s alone", got, moved)
		}
		portal.Merge("contacts", portal.AddContact("kept@acme.example", map[string]string{"hs_email_optout": "true"}), moved)
		if out, err := of(t.Context(), []string{"old@acme.example"}, []string{moved}); err != nil || out[moved] == "" {
			t.Errorf("merged: %q, %v", out, err)
		}
		portal.Fault(hubspottest.Fault{PathContains: "/contacts/batch/read", After: 1, Status: 403, Count: -1})
		if _, err := of(t.Context(), []string{"old@acme.example"}, []string{moved}); err == nil {
			t.Error("a contact that cannot be read counts as one that has not opted out")
		}
	})
}
