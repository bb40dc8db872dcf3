package app

import (
	"encoding/json"
	"errors"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
)

// grantEntry is the state file's entry for the grant, a grantRecord.
const grantEntry = "grant"

// A State is what a [Vault] needs of a state file. [*store.Store] is one.
type State interface {
	Meta(name string) ([]byte, error)
	Commit(store.Commit) error
}

var _ State = (*store.Store)(nil)

// A Vault keeps the grant of one portal in its state file, the tokens sealed. It
// is the portal's [hubspot.Vault].
type Vault struct {
	Portal string
	State  State
	// Keys returns the keys to seal and open with. It is asked each time, so that
	// replaced keys are seen.
	Keys func() (*store.Keyring, error)
}

// A Holding is a portal's grant with what works with it.
type Holding struct {
	App    *hubspot.App
	Vault  *Vault
	Tokens *hubspot.Tokens // over the vault
}

// A Sealing is how a portal's tokens are sealed after [Holding.Reseal].
type Sealing struct {
	Changed  bool   `json:"resealed"`           // another key sealed them before
	KeyID    string `json:"key_id"`             // of the key that seals them, or will once there are any
	Rotating bool   `json:"rotating"`           // another key is read beside it
	KeyFile  string `json:"key_file,omitempty"` // from where the process that sealed them reads the old key, or the only one
}

// Reseal seals the tokens with the newest master key. It may be repeated. KeyFile
// is left to the caller.
func (h Holding) Reseal() (s Sealing, err error) {
	err = h.Tokens.Alone(func() error {
		s, err = h.Vault.reseal()
		return err
	})
	return s, err
}

// grantRecord is the grant in the state file. Fields may be added and never
// change their meaning.
type grantRecord struct {
	Account  string       `json:"account"`
	Scopes   []string     `json:"scopes"`
	Issued   time.Time    `json:"issued"`
	Expires  time.Time    `json:"expires"`
	Access   store.Sealed `json:"access"`
	Refresh  store.Sealed `json:"refresh"`
	Previous store.Sealed `json:"previous,omitzero"`
	Ended    time.Time    `json:"ended,omitzero"`
	Code     string       `json:"code,omitempty"`
}

// tokens are the sealed fields, each with its name.
func (r *grantRecord) tokens() map[string]*store.Sealed {
	return map[string]*store.Sealed{"access": &r.Access, "refresh": &r.Refresh, "previous": &r.Previous}
}

// read returns the record, nil where there is none.
func (v *Vault) read() (*grantRecord, error) {
	data, err := v.State.Meta(grantEntry)
	if err != nil || data == nil {
		return nil, err
	}
	var r grantRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, errors.New("the entry cannot be read: connect the portal again")
	}
	return &r, nil
}

// Grant returns the grant, nil where there is none. Where the master key is
// missing or another one, there is an error that says what to do.
func (v *Vault) Grant() (*hubspot.Grant, error) {
	r, err := v.read()
	if err != nil || r == nil {
		return nil, err
	}
	keys, err := v.Keys()
	if err != nil {
		return nil, err
	}
	g := &hubspot.Grant{AccountID: r.Account, Scopes: r.Scopes, Issued: r.Issued, Expires: r.Expires, Ended: r.Ended, EndedCode: r.Code}
	opened := map[string]*hubspot.Secret{"access": &g.Access, "refresh": &g.Refresh, "previous": &g.Previous}
	for field, sealed := range r.tokens() {
		if sealed.IsZero() {
			continue
		}
		text, err := keys.Open(v.Portal, field, *sealed)
		if err != nil {
			return nil, err
		}
		*opened[field] = hubspot.SecretOf(text)
	}
	return g, nil
}

// Save replaces the grant.
func (v *Vault) Save(g *hubspot.Grant) error { return v.save(g) }

// save replaces the grant, together with entries of the audit.
func (v *Vault) save(g *hubspot.Grant, audit ...store.AuditEntry) error {
	keys, err := v.Keys()
	if err != nil {
		return err
	}
	r := grantRecord{
		Account: g.AccountID, Scopes: g.Scopes, Issued: g.Issued.UTC().Round(0), Expires: g.Expires.UTC().Round(0),
		Ended: g.Ended.UTC().Round(0), Code: g.EndedCode,
	}
	texts := map[string]hubspot.Secret{"access": g.Access, "refresh": g.Refresh, "previous": g.Previous}
	for field, sealed := range r.tokens() {
		if texts[field].IsZero() {
			continue
		}
		if *sealed, err = keys.Seal(v.Portal, field, texts[field].Reveal()); err != nil {
			return err
		}
	}
	return v.put(&r, audit...)
}

func (v *Vault) put(r *grantRecord, audit ...store.AuditEntry) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return v.State.Commit(store.Commit{Meta: map[string][]byte{grantEntry: data}, Audit: audit})
}

// wipe removes the grant.
func (v *Vault) wipe(audit ...store.AuditEntry) error {
	return v.State.Commit(store.Commit{Meta: map[string][]byte{grantEntry: nil}, Audit: audit})
}

// reseal seals the tokens with the newest master key, all in one commit. It may be
// repeated. Without tokens it says what would seal them.
func (v *Vault) reseal() (Sealing, error) {
	r, err := v.read()
	if err != nil {
		return Sealing{}, err
	}
	keys, err := v.Keys()
	if err != nil {
		return Sealing{}, err
	}
	s := Sealing{KeyID: keys.KeyID(), Rotating: keys.Rotating()}
	if r == nil {
		return s, nil
	}
	for field, sealed := range r.tokens() {
		if sealed.IsZero() || sealed.KeyID == keys.KeyID() {
			continue
		}
		text, err := keys.Open(v.Portal, field, *sealed)
		if err != nil {
			return Sealing{}, err
		}
		if *sealed, err = keys.Seal(v.Portal, field, text); err != nil {
			return Sealing{}, err
		}
		s.Changed = true
	}
	if !s.Changed {
		return s, nil
	}
	return s, v.put(r)
}

// A Standing is what is known of a portal's grant without its tokens.
type Standing struct {
	Connected bool
	Account   string
	Scopes    []string
	Issued    time.Time // of the access token
	Expires   time.Time // of the access token
	Ended     time.Time // since when the grant is known to be over; zero for one that stands
	Code      string    // why it is over
}

// StandingOf reads how a portal stands. It needs no key.
func StandingOf(s State) (Standing, error) {
	v := Vault{State: s}
	r, err := v.read()
	if err != nil || r == nil {
		return Standing{}, err
	}
	return Standing{
		Connected: r.Ended.IsZero(), Account: r.Account, Scopes: r.Scopes, Issued: r.Issued, Expires: r.Expires,
		Ended: r.Ended, Code: r.Code,
	}, nil
}
