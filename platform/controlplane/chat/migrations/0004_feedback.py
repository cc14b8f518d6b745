"""Feedback, answers that another one took the place of, and what conversations are searched and reviewed by."""

import controlplane.core.models
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('assistants', '0002_isolation'),
        ('chat', '0003_conversation_user'),
        ('tenants', '0005_administered'),
    ]

    operations = [
        migrations.CreateModel(
            name='Feedback',
            fields=[
                ('id', models.UUIDField(default=controlplane.core.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('actor', models.CharField(max_length=64)),
                ('rating', models.CharField(choices=[('up', 'helpful'), ('down', 'not helpful')], max_length=8)),
                ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('wrong', 'wrong'), ('incomplete', 'incomplete'), ('wrong_source', 'wrong source'), ('outdated', 'outdated'), ('unclear', 'unclear'), ('refused', 'refused although the documents hold it'), ('other', 'something else')], max_length=16), default=list, size=None)),
                ('comment', models.TextField(blank=True)),
                ('updated_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='FeedbackResolution',
            fields=[
                ('id', models.UUIDField(default=controlplane.core.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('status', models.CharField(choices=[('open', 'still open'), ('resolved', 'resolved')], max_length=16)),
                ('note', models.TextField(blank=True)),
                ('decided_by', models.CharField(max_length=64)),
                ('decided_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='conversation',
            name='department',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.department'),
        ),
        migrations.AddField(
            model_name='conversation',
            name='searched',
            field=models.TextField(blank=True, db_default=''),
        ),
        migrations.AddField(
            model_name='message',
            name='reasoning_ms',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='shown_documents',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='message',
            name='superseded_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='feedback',
            name='conversation',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='chat.conversation'),
        ),
        migrations.AddField(
            model_name='feedback',
            name='department',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.department'),
        ),
        migrations.AddField(
            model_name='feedback',
            name='message',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='feedback', to='chat.message'),
        ),
        migrations.AddField(
            model_name='feedback',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='feedbackresolution',
            name='department',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.department'),
        ),
        migrations.AddField(
            model_name='feedbackresolution',
            name='feedback',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='resolutions', to='chat.feedback'),
        ),
        migrations.AddField(
            model_name='feedbackresolution',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddIndex(
            model_name='feedback',
            index=models.Index(fields=['tenant', '-id'], name='chat_feedback_newest'),
        ),
        migrations.AddIndex(
            model_name='feedback',
            index=models.Index(fields=['tenant', 'department', '-id'], name='chat_feedback_reviewed'),
        ),
        migrations.AddConstraint(
            model_name='feedback',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='chat_feedback_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='feedback',
            constraint=models.UniqueConstraint(fields=('tenant', 'message', 'actor'), name='chat_feedback_once'),
        ),
        migrations.AddConstraint(
            model_name='feedbackresolution',
            constraint=models.UniqueConstraint(fields=('tenant', 'feedback'), name='chat_resolution_once'),
        ),
    ]
