package event

import "time"

// DocumentUploaded is sent when a document was uploaded and can be downloaded.
type DocumentUploaded struct {
	DocID      string    `json:"docId"`
	FileName   string    `json:"fileName"`
	FileSize   int64     `json:"fileSize"` // bytes
	FileType   string    `json:"fileType"` // media type, such as application/pdf
	PassportID string    `json:"passportId,omitempty"`
	Kind       string    `json:"kind"`
	UploadedBy string    `json:"uploadedBy"` // user id
	UploadedAt time.Time `json:"uploadedAt"`
}

// DocumentDeleted is sent when a document was deleted.
type DocumentDeleted struct {
	DocID      string    `json:"docId"`
	FileName   string    `json:"fileName"`
	PassportID string    `json:"passportId,omitempty"`
	UploadedBy string    `json:"uploadedBy"` // user id
	DeletedBy  string    `json:"deletedBy"`  // user id
	DeletedAt  time.Time `json:"deletedAt"`
}

// DocumentTopics returns the topics of events about documents.
func DocumentTopics() []string {
	return []string{DocumentUploaded{}.Topic(), DocumentDeleted{}.Topic()}
}

func (DocumentUploaded) Topic() string { return "document.uploaded" }
func (DocumentDeleted) Topic() string  { return "document.deleted" }
