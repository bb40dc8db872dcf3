package sync

import (
	"encoding/json"
	"fmt"
	"time"

	"thnks-hubspot-sync/store"
)

// Names under which the journal's meta holds what was learnt about a portal.
const (
	metaAccount  = "account"   // account
	metaObject   = "object"    // object
	metaCreating = "creating"  // name of the custom object that is being created
	metaStages   = "stages"    // map of deal stage id → label
	metaRereads  = "rereads"   // rereads
	metaSource   = "source"    // []feed: what the portal has been fed from
	metaLastSync = "last_sync" // time.Time: when the last run finished without error
	metaLastSlot = "last_slot" // time.Time: when the last scheduled run of the daemon that ended had begun
)

// An account is what the portal's pinned HubSpot account is known to be.
type account struct {
	ID       string `json:"id"`
	TimeZone string `json:"time_zone"`
}

// recall reads a meta entry into v and reports whether there was one.
func recall(j Journal, name string, v any) (bool, error) {
	data, err := j.Meta(name)
	if err != nil || data == nil {
		return false, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("state file: meta entry %s: %w", name, err)
	}
	return true, nil
}

// meta makes a meta entry for a commit.
func meta(name string, v any) map[string][]byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("sync: meta entry " + name + ": " + err.Error()) // our own plain structs always marshal
	}
	return map[string][]byte{name: data}
}

// remember commits one meta entry; a dry run remembers nothing.
func (r *run) remember(name string, v any) error {
	if r.req.DryRun {
		return nil
	}
	return r.Journal.Commit(store.Commit{Meta: meta(name, v)})
}

// PortalZone returns the time zone of the portal's HubSpot account as it was
// learnt, and nil before that.
func PortalZone(j Journal) *time.Location {
	var a account
	if ok, err := recall(j, metaAccount, &a); !ok || err != nil {
		return nil
	}
	loc, err := time.LoadLocation(a.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Stages returns the labels of the deal stages that links were made at, by
// stage id. A stage not yet learnt is missing.
func Stages(j Journal) map[string]string {
	stages := make(map[string]string)
	if _, err := recall(j, metaStages, &stages); err != nil {
		return nil
	}
	return stages
}

// LastSync returns when the last run without error finished, or the zero time.
func LastSync(j Journal) time.Time {
	var t time.Time
	if _, err := recall(j, metaLastSync, &t); err != nil {
		return time.Time{}
	}
	return t
}
