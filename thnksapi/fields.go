package thnksapi

// fieldNames are the fields as the dialect's settings call them.
var fieldNames = []struct {
	field FieldSet
	name  string
}{
	{FieldRequestID, "request_id"},
	{FieldGiftName, "gift_name"},
	{FieldGiftType, "gift_type"},
	{FieldAmount, "amount"},
	{FieldCurrency, "currency"},
	{FieldMessage, "message"},
	{FieldTrackingURL, "tracking_url"},
	{FieldSenderName, "sender_name"},
	{FieldSenderEmail, "sender_email"},
	{FieldSenderPhone, "sender_phone"},
	{FieldRecipientName, "recipient_name"},
	{FieldRecipientEmail, "recipient_email"},
	{FieldRecipientPhone, "recipient_phone"},
	{FieldStatus, "status"},
	{FieldTimes, "times"},
	{FieldCreatedAt, "created_at"},
	{FieldUpdatedAt, "updated_at"},
}

// Names returns the fields of the set as the dialect's settings call them.
func (s FieldSet) Names() []string {
	var names []string
	for _, f := range fieldNames {
		if s.Has(f.field) {
			names = append(names, f.name)
		}
	}
	return names
}
