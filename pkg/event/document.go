package event

import "time"

// DocumentUploaded is sent when a document was uploaded and can be downloaded.
type DocumentUploaded struct {
	DocID        string    `json:"docId" format:"uuid" doc:"id of the document"`
	FileName     string    `json:"fileName" doc:"file name for downloads"`
	FileSize     int64     `json:"fileSize" doc:"size of the file in bytes"`
	FileType     string    `json:"fileType" doc:"media type, such as application/pdf"`
	PassportID   string    `json:"passportId,omitempty" format:"uuid" doc:"id of the passport that the document is about; absent if it is about none"`
	Organisation string    `json:"organisation,omitempty" doc:"id of the organisation that owns the resource; absent if an account without one owns it"`
	Kind         string    `json:"kind" doc:"purpose of the document, such as test-report"`
	UploadedBy   string    `json:"uploadedBy" format:"uuid" doc:"id of the account that uploaded the document"`
	UploadedAt   time.Time `json:"uploadedAt" doc:"time of the upload"`
}

// DocumentUpdated is sent when the metadata of a document was changed. It describes
// the document after the change.
type DocumentUpdated struct {
	DocID         string    `json:"docId" format:"uuid" doc:"id of the document"`
	FileName      string    `json:"fileName" doc:"file name for downloads"`
	PassportID    string    `json:"passportId,omitempty" format:"uuid" doc:"id of the passport that the document is about; absent if it is about none"`
	Organisation  string    `json:"organisation,omitempty" doc:"id of the organisation that owns the resource; absent if an account without one owns it"`
	IsPublic      bool      `json:"isPublic" doc:"whether accessClass is public"`
	AccessClass   string    `json:"accessClass" doc:"readers of the document: owner, authority or public"`
	UpdatedFields []string  `json:"updatedFields" doc:"names of the changed members, sorted"`
	UploadedBy    string    `json:"uploadedBy" format:"uuid" doc:"id of the account that uploaded the document"`
	UpdatedBy     string    `json:"updatedBy" format:"uuid" doc:"id of the account that made the change"`
	UpdatedAt     time.Time `json:"updatedAt" doc:"time of the change"`
}

// DocumentDeleted is sent when a document was deleted.
type DocumentDeleted struct {
	DocID        string    `json:"docId" format:"uuid" doc:"id of the document"`
	FileName     string    `json:"fileName" doc:"file name for downloads"`
	PassportID   string    `json:"passportId,omitempty" format:"uuid" doc:"id of the passport that the document is about; absent if it is about none"`
	Organisation string    `json:"organisation,omitempty" doc:"id of the organisation that owns the resource; absent if an account without one owns it"`
	UploadedBy   string    `json:"uploadedBy" format:"uuid" doc:"id of the account that uploaded the document"`
	DeletedBy    string    `json:"deletedBy" format:"uuid" doc:"id of the account that deleted the resource"`
	DeletedAt    time.Time `json:"deletedAt" doc:"time of the deletion"`
}

// DocumentTopics returns the topics of events about documents.
func DocumentTopics() []string {
	return []string{DocumentUploaded{}.Topic(), DocumentUpdated{}.Topic(), DocumentDeleted{}.Topic()}
}

func (DocumentUploaded) Topic() string { return "document.uploaded" }
func (DocumentUpdated) Topic() string  { return "document.updated" }
func (DocumentDeleted) Topic() string  { return "document.deleted" }
