package hubspottest

import (
	"strconv"
	"time"
)

// An event is a webhook event as HubSpot sends it.
// https://developers.hubspot.com/docs/api-reference/latest/webhooks/guide
type event struct {
	EventID            int64   `json:"eventId"`
	SubscriptionID     int64   `json:"subscriptionId"`
	PortalID           int64   `json:"portalId"`
	AppID              int64   `json:"appId"`
	OccurredAt         int64   `json:"occurredAt"`
	SubscriptionType   string  `json:"subscriptionType"`
	AttemptNumber      int     `json:"attemptNumber"`
	ObjectID           int64   `json:"objectId,omitempty"`
	ObjectTypeID       string  `json:"objectTypeId,omitempty"`
	PropertyName       string  `json:"propertyName,omitempty"`
	PropertyValue      *string `json:"propertyValue,omitempty"`
	ChangeFlag         string  `json:"changeFlag,omitempty"`
	ChangeSource       string  `json:"changeSource"`
	SourceID           string  `json:"sourceId"`
	PrimaryObjectID    int64   `json:"primaryObjectId,omitempty"`
	MergedObjectIDs    []int64 `json:"mergedObjectIds,omitempty"`
	NewObjectID        int64   `json:"newObjectId,omitempty"`
	AssociationType    string  `json:"associationType,omitempty"`
	FromObjectID       int64   `json:"fromObjectId,omitempty"`
	ToObjectID         int64   `json:"toObjectId,omitempty"`
	AssociationRemoved bool    `json:"associationRemoved,omitempty"`

	ours bool // the app made the change that subscribes
}

// objectTypeIDs are the types that events are sent of.
var objectTypeIDs = map[string]string{"contacts": "0-1", "companies": "0-2", "deals": "0-3"}

// legacyNames are what the older form calls these types.
var legacyNames = map[string]string{"0-1": "contact", "0-2": "company", "0-3": "deal"}

// otherApp is the id of the app whose token is the portal's static one.
const otherApp = 777

// merged fills an event in of a merge of two records into a third.
func merged(a, b, both *record) func(*event) {
	return func(e *event) {
		e.PrimaryObjectID, e.MergedObjectIDs, e.NewObjectID = a.id, []int64{a.id, b.id}, both.id
	}
}

// emit sends the subscribers an event of a change that an app makes through the API:
// the portal's own app by its OAuth token, or another one by the static token. That
// sourceId is the app's id then is on no page of HubSpot's; deliveries that others
// have recorded show it.
func (c *call) emit(t *objectType, what string, id int64, fill func(*event)) {
	c.p.emit(t.name, what, id, func(e *event) {
		e.ChangeSource, e.SourceID, e.ours = "INTEGRATION", strconv.Itoa(otherApp), c.access != nil
		if fill != nil {
			fill(e)
		}
	})
}

// archive deletes a record for an app.
func (c *call) archive(t *objectType, r *record) {
	if r.archived == 0 {
		c.emit(t, "deletion", r.id, nil)
	}
	c.p.archive(t, r, c.now)
}

// emit sends the subscribers an event of a user's change. The caller holds p.mu.
func (p *Portal) emit(objectType, what string, id int64, fill func(*event)) {
	typeID, ok := objectTypeIDs[objectType]
	if !ok || len(p.senders) == 0 {
		return
	}
	p.nextEvent++
	e := event{
		EventID: p.nextEvent, SubscriptionID: 12345, PortalID: p.opt.ID, OccurredAt: time.Now().UnixMilli(),
		SubscriptionType: "object." + what, ObjectID: id, ObjectTypeID: typeID, ChangeSource: "CRM_UI", SourceID: "userId:42",
	}
	if what == "privacyDeletion" { // there is no generic form of it
		e.SubscriptionType, e.ObjectTypeID = "contact."+what, ""
	}
	if fill != nil {
		fill(&e)
	}
	for _, s := range p.senders {
		s.add(e)
	}
}
