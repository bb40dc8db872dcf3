package portal

import (
	"context"
	"net/url"
	"regexp"
	"sync/atomic"

	"thnks-hubspot-sync/hubspot"
)

// Accounts is what an [Account] asks of HubSpot.
type Accounts interface {
	Account(context.Context) (*hubspot.Account, error)
}

// accountEntry is the memory's entry for the account, an [AccountInfo].
const accountEntry = "account"

// AccountInfo is what is known of the HubSpot account that the portal is bound
// to.
type AccountInfo struct {
	ID       string `json:"id"`
	TimeZone string `json:"time_zone"` // an IANA name
	UIDomain string `json:"ui_domain"` // where users see it: "app.hubspot.com"; "" from before it was kept
}

// An Account is the HubSpot account behind the token.
type Account struct {
	conn     *Connection
	session  Session
	verified atomic.Bool
	id       atomic.Pointer[string]
}

// Verify makes sure that the token belongs to the account that the portal is
// bound to, with one call a run. Every part does it before its first call.
func (a *Account) Verify(ctx context.Context) error {
	if a.verified.Load() {
		return nil
	}
	learnt, pinned, err := a.look(ctx)
	if err != nil {
		return err
	}
	a.id.Store(&learnt.ID)
	a.verified.Store(true)
	a.conn.verified.Store(true)
	if learnt == pinned {
		return nil
	}
	return a.session.Memory.Remember(accountEntry, learnt)
}

// ID is the account's id, once this run has asked for it.
func (a *Account) ID() string {
	if id := a.id.Load(); id != nil {
		return *id
	}
	return ""
}

// look asks which account the token belongs to, and fails where the portal is
// bound to another, or the account to another portal. pinned is what was remembered, zero before the first run.
func (a *Account) look(ctx context.Context) (learnt, pinned AccountInfo, err error) {
	got, err := a.conn.cfg.Client.Accounts.Account(ctx)
	if err != nil {
		return learnt, pinned, err
	}
	if _, err := a.session.Memory.Recall(accountEntry, &pinned); err != nil {
		return learnt, pinned, err
	}
	for _, want := range []string{a.conn.cfg.AccountID, pinned.ID} {
		if want != "" && want != got.ID {
			return learnt, pinned, &Fatal{
				What:   "the HubSpot token belongs to account " + got.ID + ", but this portal is bound to account " + want,
				Remedy: "put a token of account " + want + " into token_file, or give the other account a portal of its own (a state file never changes its account); nothing was written",
			}
		}
	}
	if own := a.conn.cfg.Own; own != nil {
		if err := own(got.ID, a.session.DryRun); err != nil {
			return learnt, pinned, err
		}
	}
	return AccountInfo{ID: got.ID, TimeZone: got.TimeZone, UIDomain: got.UIDomain}, pinned, nil
}

// RecallAccount returns what is remembered of the account, if anything.
func RecallAccount(m interface {
	Recall(name string, v any) (bool, error)
},
) (info AccountInfo, known bool, err error) {
	known, err = m.Recall(accountEntry, &info)
	return info, known, err
}

// hostName is a host that an address may name.
var hostName = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

// RecallRecords returns what the address of each gift record begins with where
// users see it in HubSpot; the record's id follows. It is "" before runs have
// learnt the account and the custom object.
//
// D/api-reference/latest/account/account-information/guide
func RecallRecords(m interface {
	Recall(name string, v any) (bool, error)
},
) (string, error) {
	account, _, err := RecallAccount(m)
	if err != nil {
		return "", err
	}
	var object Definition
	if _, err := m.Recall(objectEntry, &object); err != nil {
		return "", err
	}
	if account.ID == "" || object.TypeID == "" || !hostName.MatchString(account.UIDomain) {
		return "", nil
	}
	return "https://" + account.UIDomain + "/contacts/" + url.PathEscape(account.ID) + "/record/" + url.PathEscape(object.TypeID) + "/", nil
}

// RecallTypeID returns the type id of the portal's custom object, "" before a run has
// found it.
func RecallTypeID(m interface {
	Recall(name string, v any) (bool, error)
},
) (string, error) {
	var object Definition
	_, err := m.Recall(objectEntry, &object)
	return object.TypeID, err
}
