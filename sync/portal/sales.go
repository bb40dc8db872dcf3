package portal

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// SalesCalls is what [Sales] asks of HubSpot.
type SalesCalls interface {
	List(ctx context.Context, objectType, after string, limit int, archived bool, properties []string) (*hubspot.Page, error)
	Read(ctx context.Context, objectType string, ids, properties []string) ([]hubspot.Outcome, error)
	Associated(ctx context.Context, fromType, toType string, ids []string) ([]hubspot.RelatedOutcome, error)
}

// Sales reads deals and companies for the statistics.
type Sales struct {
	calls    door[SalesCalls]
	accounts Accounts
	Made     int // calls so far, repeated ones left out
}

// A Deal is a deal as it is listed.
type Deal struct {
	ID       string
	Closed   bool
	Won      bool       // closed, and won
	Amount   plan.Money // in the account's currency where the deal has none
	Contacts []string   // ids; only of closed ones
}

// The properties of a deal that the listing reads. The currency's exists only in
// accounts with several currencies.
const (
	dealAmount   = "amount"
	dealCurrency = "deal_currency_code"
	dealClosed   = "hs_is_closed"
	dealWon      = "hs_is_closed_won"
	companyName  = "name"
)

// Deals lists all deals, 100 a call, and the contacts of those that are closed, of
// up to 1000 a call. each gets a part and may end the listing by an error.
func (s *Sales) Deals(ctx context.Context, each func([]Deal) error) error {
	client, err := s.calls.enter(ctx)
	if err != nil {
		return err
	}
	s.Made++
	account, err := s.accounts.Account(ctx)
	if err != nil {
		return fmt.Errorf("reading the account's currency: %w", err)
	}
	var trail hubspot.Trail
	var part []Deal
	for cursor := ""; ; {
		s.Made++
		page, err := client.List(ctx, "deals", cursor, hubspot.BatchSize, false, []string{dealAmount, dealCurrency, dealClosed, dealWon})
		if err == nil {
			err = trail.Follow(page)
		}
		if err != nil {
			return fmt.Errorf("listing the deals: %w", err)
		}
		for _, o := range page.Objects {
			part = append(part, dealOf(o, account.Currency))
		}
		cursor = page.After
		if cursor == "" || len(part)+hubspot.BatchSize > hubspot.AssociationReadSize {
			if err := s.addContacts(ctx, client, part); err != nil {
				return err
			}
			if err := each(part); err != nil {
				return err
			}
			part = nil
		}
		if cursor == "" {
			return nil
		}
	}
}

func dealOf(o hubspot.Object, currency string) Deal {
	d := Deal{ID: o.ID, Closed: o.Properties[dealClosed] == "true", Won: o.Properties[dealWon] == "true"}
	if text := o.Properties[dealAmount]; text != "" {
		if value, err := decimal.NewFromString(text); err == nil {
			d.Amount = plan.Money{Value: value, Currency: cmp.Or(o.Properties[dealCurrency], currency)}
		}
	}
	return d
}

// addContacts reads the contacts of the closed deals. Those of a deal that HubSpot
// fails at are left out.
func (s *Sales) addContacts(ctx context.Context, client SalesCalls, deals []Deal) error {
	var ids []string
	var at []int
	for i, d := range deals {
		if d.Closed {
			ids, at = append(ids, d.ID), append(at, i)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	s.Made++
	found, err := client.Associated(ctx, "deals", "contacts", ids)
	if err != nil {
		return fmt.Errorf("reading the contacts of deals: %w", err)
	}
	for i, f := range found {
		for _, c := range f.Found {
			deals[at[i]].Contacts = append(deals[at[i]].Contacts, c.ToID)
		}
	}
	return nil
}

// CompanyNames reads the names of companies, by id, 100 a call. Those that are gone
// or have no name are absent.
func (s *Sales) CompanyNames(ctx context.Context, ids []string) (map[string]string, error) {
	client, err := s.calls.enter(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string)
	for part := range slices.Chunk(ids, hubspot.BatchSize) {
		s.Made++
		outcomes, err := client.Read(ctx, "companies", part, []string{companyName})
		if err != nil {
			return nil, fmt.Errorf("reading the names of companies: %w", err)
		}
		for i, o := range outcomes {
			if o.Object != nil && o.Object.Properties[companyName] != "" {
				names[part[i]] = o.Object.Properties[companyName]
			}
		}
	}
	return names, nil
}
