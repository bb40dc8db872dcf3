package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	giftportal "thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi"
)

// paces are the paces of the HubSpot accounts that this process calls. An
// account is known by its token and, once it was learnt, by its id.
type paces struct {
	mu sync.Mutex
	of map[string]*hubspot.Pace
}

// shared returns the pace of the account that a portal's credential belongs to. id
// is the account's, "" while it is not known.
func (p *paces) shared(h configs.HubSpot, id, credential string) *hubspot.Pace {
	keys := []string{fmt.Sprintf("token %x", sha256.Sum256([]byte(credential)))}
	if id != "" {
		keys = []string{"account " + configs.Server(h.BaseURL) + " " + id, keys[0]}
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

// keyPaces are the paces of the Thnks keys that this process calls with. They
// outlive the clients: a portal that is opened anew goes on where it was.
type keyPaces struct {
	mu sync.Mutex
	of map[string]*thnksapi.Pace
}

// shared returns the pace of a key at a server.
func (p *keyPaces) shared(server, key string) *thnksapi.Pace {
	digest := sha256.Sum256([]byte(key))
	path := ""
	if u, err := url.Parse(server); err == nil {
		path = strings.TrimRight(u.Path, "/")
	}
	name := configs.Server(server) + path + " " + string(digest[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = make(map[string]*thnksapi.Pace)
	}
	if p.of[name] == nil {
		p.of[name] = thnksapi.NewPace()
	}
	return p.of[name]
}

// owners knows which portal of a configuration an object of a HubSpot account
// belongs to. It keeps that in the state directory.
type owners struct {
	cfg    *configs.Config
	mu     sync.Mutex // held while owners are looked up and noted
	states sync.Map   // from a portal's name to its state file, as it was last opened in this process
}

// ownersDir is the directory, in the state directory, of the files that say which
// portal writes into which object of which account.
const ownersDir = "owners"

// file is the path of the file that names the portal whose records an
// account's object holds.
func (o *owners) file(h configs.HubSpot, id string) string {
	name := strings.Join([]string{configs.Server(h.BaseURL), id, strings.ToLower(h.Object.Name)}, "_")
	return filepath.Join(o.cfg.StateDir, ownersDir, url.PathEscape(name))
}

// own makes the portal the owner of its object in the account with this id, unless
// dryRun. The first portal that asks has it; for any other one this is an error.
func (o *owners) own(p configs.Portal, id string, dryRun bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !dryRun {
		if err := o.note(); err != nil {
			return fmt.Errorf("noting in %s which accounts belong to which portals: %w", o.cfg.StateDir, cause(err))
		}
	}
	had, err := o.owner(p.HubSpot, id)
	if err == nil && !dryRun {
		err = removeUnfinished(o.file(p.HubSpot, id)) // which a kill has left behind
	}
	if err == nil && had == "" && !dryRun {
		if err = o.take(p, id); err == nil {
			had, err = o.owner(p.HubSpot, id) // another one, if both asked at the same moment
		}
	}
	if err != nil || had == "" || had == p.Name {
		return err
	}
	return &giftportal.Fatal{
		What: fmt.Sprintf("account %s and its object %s belong to portal %s, which came there first", id, p.HubSpot.Object.Name, had),
		Remedy: "give this portal a HubSpot account, or an object.name, of its own: two would overwrite each other's records; " +
			"if portal " + had + " writes elsewhere now, remove " + o.file(p.HubSpot, id),
	}
}

// take makes the file that names the portal as the owner, in place of one
// that names none. Of several that do so at the same moment one succeeds.
func (o *owners) take(p configs.Portal, id string) error {
	path := o.file(p.HubSpot, id)
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = linkFile(path, p.Name+"\n")
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("noting in %s that account %s belongs to portal %s: %w", filepath.Dir(path), id, p.Name, cause(err))
	}
	return nil
}

// note makes the directory of owners where there is none: releases that did
// not have it have bound portals to accounts. Of two that are bound to the same
// one, the first in the configuration owns it.
func (o *owners) note() error {
	dir := filepath.Join(o.cfg.StateDir, ownersDir)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := store.MakeDir(o.cfg.StateDir); err != nil {
		return err
	}
	if err := removeLeft(o.cfg.StateDir, "."+ownersDir+"-"); err != nil {
		return err
	}
	made, err := os.MkdirTemp(o.cfg.StateDir, "."+ownersDir+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	release, err := hold(made)
	if release != nil {
		defer release()
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	for _, p := range o.cfg.Portals {
		id := o.boundTo(p.Name)
		if id == "" {
			continue
		}
		err := linkFile(filepath.Join(made, filepath.Base(o.file(p.HubSpot, id))), p.Name+"\n")
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// Where another process was faster, its directory stays.
	if err := os.Rename(made, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(o.cfg.StateDir)
}

// boundTo returns the account that a portal's state file is bound to, "" if it is
// bound to none or another process holds it.
func (o *owners) boundTo(portal string) string {
	if j, open := o.states.Load(portal); open {
		if id := giftsync.PortalAccount(j.(*store.Store)); id != "" {
			return id
		}
	}
	j, err := store.Open(stateFile(o.cfg, portal), store.Options{LockWait: 100 * time.Millisecond})
	if err != nil {
		return ""
	}
	defer j.Close()
	return giftsync.PortalAccount(j)
}

// linkFile makes a file with this text that is complete when it gets its name. It
// replaces none: the error is then [fs.ErrExist].
func linkFile(path, text string) error {
	f, end, err := beginFile(path)
	if err != nil {
		return err
	}
	defer end()
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable. Tests watch it.
var syncDir = fsyncDir

// fsyncDir is [syncDir]. Where a system has no such call, names are durable by
// themselves.
func fsyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "windows" {
		return err
	}
	return nil
}

// owner returns the portal that owns an object of an account, "" for none. One
// that the configuration does not have any more, or that has another object now
// or no state, owns nothing.
func (o *owners) owner(h configs.HubSpot, id string) (string, error) {
	text, err := os.ReadFile(o.file(h, id))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("finding which portal account %s belongs to: %w", id, err)
	}
	name := strings.TrimSpace(string(text))
	i := slices.IndexFunc(o.cfg.Portals, func(p configs.Portal) bool { return p.Name == name })
	if i < 0 || o.file(o.cfg.Portals[i].HubSpot, id) != o.file(h, id) {
		return "", nil
	}
	if _, err := os.Stat(stateFile(o.cfg, name)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return name, nil
}
