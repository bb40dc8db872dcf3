package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	giftportal "thnks-hubspot-sync/sync/portal"
)

// paces are the paces of the HubSpot accounts that this process calls. An
// account is known by its token and, once it was learnt, by its id.
type paces struct {
	mu sync.Mutex
	of map[string]*hubspot.Pace
}

// shared returns the pace of the account that a portal's token belongs to. id is
// the account's, "" while it is not known.
func (p *paces) shared(h configs.HubSpot, id, token string) *hubspot.Pace {
	keys := []string{fmt.Sprintf("token %x", sha256.Sum256([]byte(token)))}
	if id != "" {
		keys = []string{"account " + server(h) + " " + id, keys[0]}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var pace *hubspot.Pace
	for _, key := range keys {
		if pace == nil {
			pace = p.of[key]
		}
	}
	if pace == nil {
		pace = hubspot.NewPace()
	}
	if p.of == nil {
		p.of = make(map[string]*hubspot.Pace)
	}
	for _, key := range keys {
		p.of[key] = pace
	}
	return pace
}

// server names whose accounts a portal's are: HubSpot's servers share theirs.
func server(h configs.HubSpot) string {
	u, err := url.Parse(h.BaseURL)
	if err != nil {
		return h.BaseURL
	}
	host := strings.ToLower(u.Host)
	if host == "hubapi.com" || strings.HasSuffix(host, ".hubapi.com") {
		return "hubapi.com"
	}
	return host
}

// ownersDir is the directory, in the state directory, of the files that say which
// portal writes into which object of which account.
const ownersDir = "owners"

// ownerFile is the path of the file that names the portal whose records an
// account's object holds.
func (s *session) ownerFile(h configs.HubSpot, id string) string {
	name := strings.Join([]string{server(h), id, strings.ToLower(h.Object.Name)}, "_")
	return filepath.Join(s.cfg.StateDir, ownersDir, url.PathEscape(name))
}

// own makes the portal the owner of its object in the account with this id, unless
// dryRun. The first portal that asks has it; for any other one this is an error.
func (s *session) own(p configs.Portal, id string, dryRun bool) error {
	s.owning.Lock()
	defer s.owning.Unlock()
	had, err := s.owner(p.HubSpot, id)
	if err == nil && had == "" && !dryRun {
		if err = s.becomeOwner(p, id); err == nil {
			had, err = s.owner(p.HubSpot, id) // another one, if both asked at the same moment
		}
	}
	if err != nil || had == "" || had == p.Name {
		return err
	}
	return &giftportal.Fatal{
		What: fmt.Sprintf("account %s and its object %s belong to portal %s, which came there first", id, p.HubSpot.Object.Name, had),
		Remedy: "give this portal a HubSpot account, or an object.name, of its own: two would overwrite each other's records; " +
			"if portal " + had + " writes elsewhere now, remove " + s.ownerFile(p.HubSpot, id),
	}
}

// becomeOwner makes the file that names the portal as the owner, in place of one
// that names nobody's. Of several that do so at the same moment one succeeds.
func (s *session) becomeOwner(p configs.Portal, id string) error {
	path := s.ownerFile(p.HubSpot, id)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = linkFile(path, p.Name+"\n")
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("noting that account %s belongs to portal %s: %w", id, p.Name, err)
	}
	return nil
}

// linkFile makes a file with this text that is complete when it gets its name. It
// replaces none: the error is then [fs.ErrExist].
func linkFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// owner returns the portal that owns an object of an account, "" for none. One
// that the configuration does not have any more, or that has another object now
// or no state, owns nothing.
func (s *session) owner(h configs.HubSpot, id string) (string, error) {
	text, err := os.ReadFile(s.ownerFile(h, id))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("finding which portal account %s belongs to: %w", id, err)
	}
	name := strings.TrimSpace(string(text))
	i := slices.IndexFunc(s.cfg.Portals, func(p configs.Portal) bool { return p.Name == name })
	if i < 0 || s.ownerFile(s.cfg.Portals[i].HubSpot, id) != s.ownerFile(h, id) {
		return "", nil
	}
	if _, err := os.Stat(s.stateFile(name)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return name, nil
}
